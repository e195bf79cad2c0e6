/** What differs in one group: the overriders of an application on a copy of its Deployment. Pure. */
import { isRecord } from "../../link/json.ts";
import { overrideImage } from "./image-name.ts";
import type { EnvOverrider, EnvVariable, ImageOverrider, Overriders, WordsOverrider } from "./kinds.ts";

export interface Container {
  name?: string;
  image?: string;
  env?: EnvVariable[];
  command?: string[];
  args?: string[];
  resources?: object;
}

interface PodTemplate {
  spec?: { containers?: unknown };
}

/** Changes the object, which is the caller's own copy. What an overrider names and is not there is left as it is. */
export function override(deployment: object, overriders: Overriders): void {
  const spec = own(deployment, "spec");
  if (!isRecord(spec)) return;
  if (overriders.replicas !== undefined) spec["replicas"] = overriders.replicas;
  for (const each of overriders.imageOverriders ?? []) overrideImages(deployment, each);
  const named = (name: string) => containersOf(deployment).filter((container) => container.name === name);
  for (const each of overriders.envOverriders ?? [])
    for (const container of named(each.containerName)) container.env = envOf(container.env ?? [], each);
  for (const field of ["command", "args"] as const)
    for (const each of overriders[`${field}Overriders`] ?? [])
      for (const container of named(each.containerName))
        container[field] = wordsOf(container[field] ?? [], each);
  for (const { containerName, value } of overriders.resourcesOverriders ?? [])
    for (const container of named(containerName)) container.resources = structuredClone(value);
}

export function templateOf(deployment: object): PodTemplate | undefined {
  const template = own(own(deployment, "spec"), "template");
  return isRecord(template) ? (template as PodTemplate) : undefined;
}

function containersOf(deployment: object): Container[] {
  const containers = templateOf(deployment)?.spec?.containers;
  return Array.isArray(containers) ? containers.filter((each): each is Container => isRecord(each)) : [];
}

function overrideImages(deployment: object, overrider: ImageOverrider): void {
  if (overrider.predicate) {
    overrideAt(deployment, overrider);
    return;
  }
  for (const container of containersOf(deployment))
    if (typeof container.image === "string") container.image = overrideImage(container.image, overrider);
}

/** The path is a pointer to one text: `/spec/template/spec/containers/0/image`. RFC 6901 */
function overrideAt(deployment: object, overrider: ImageOverrider): void {
  const parts = (overrider.predicate?.path ?? "")
    .split("/")
    .slice(1)
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
  const last = parts.pop() ?? "";
  let place: unknown = deployment;
  for (const part of parts) place = own(place, part);
  const value = own(place, last);
  if (typeof value === "string") (place as Record<string, unknown>)[last] = overrideImage(value, overrider);
}

function own(place: unknown, part: string): unknown {
  return typeof place === "object" && place !== null && Object.hasOwn(place, part)
    ? (place as Record<string, unknown>)[part]
    : undefined;
}

function envOf(env: readonly EnvVariable[], { operator, value = [] }: EnvOverrider): EnvVariable[] {
  const told = new Map(value.map((variable) => [variable.name, variable]));
  if (operator === "remove") return env.filter(({ name }) => !told.has(name));
  if (operator === "replace") return env.map((variable) => told.get(variable.name) ?? variable);
  return [...env.filter(({ name }) => !told.has(name)), ...told.values()];
}

function wordsOf(words: readonly string[], { operator, value = [] }: WordsOverrider): string[] {
  return operator === "add" ? [...words, ...value] : words.filter((word) => !value.includes(word));
}
