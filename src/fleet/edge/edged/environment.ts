/**
 * The variables of a container and the $(NAME) in its command, in Kubernetes' order: services, then envFrom, then env, of which each may use those before it.
 * https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/
 */
import { SampanError } from "../../../base/errors.ts";
import type { KubeObject } from "../../../spec/kubernetes/kube.ts";
import type { Container, EnvFrom, EnvVar, Pod } from "../../../spec/kubernetes/pod.ts";
import type { Meta } from "../meta/meta.ts";
import { podField, resourceField } from "./downward.ts";
import { PodError, shown } from "./pod-error.ts";
import { serviceVariables } from "./service-variables.ts";
import type { NodeFacts } from "./translate.ts";

export interface EnvironmentSources {
  readonly meta: Pick<Meta, "fetch">;
  readonly node: NodeFacts;
  /** Of the pod's sandbox. */
  readonly podIps: readonly string[];
  /** Services that this node knows of, of all namespaces. */
  readonly services?: () => readonly KubeObject[];
  readonly signal: AbortSignal;
  /** Is told what is left out. */
  readonly warn?: (text: string) => void;
}

type Variables = Map<string, string>;

/** A container with more is refused: execve(2) takes 2 MiB of words and variables at most. */
const largest = 1 << 20;
/** As the API has it, relaxed since 1.30: printable ASCII but `=`. */
const name = /^[\x20-\x3c\x3e-\x7e]{1,4096}$/;

/** `A=1`, complete. Errors: PodError `CreateContainerConfigError` naming what is missing; `unavailable` in its code when the cloud would have to be asked. */
export async function environmentOf(
  pod: Pod,
  container: Container,
  sources: EnvironmentSources,
): Promise<string[]> {
  const services = new Map(serviceVariables(pod, sources.services?.() ?? []));
  const found: Variables = new Map();
  for (const from of container.envFrom ?? []) await addAll(found, pod, { from, sources });
  for (const variable of container.env ?? []) {
    const value = await valueOf(variable, { pod, container, sources, found, services });
    if (value !== undefined) found.set(checkedName(variable.name), value);
  }
  const all = new Map([...services, ...found]);
  const words = [...all].map(([key, value]) => `${key}=${value}`);
  const bytes = words.reduce((sum, word) => sum + Buffer.byteLength(word) + 1, 0);
  if (bytes > largest)
    throw refused(container, `its environment has ${bytes} bytes, wanted at most ${largest}`);
  if (words.some((word) => word.includes("\0"))) throw refused(container, "a variable holds a NUL byte");
  return words;
}

const refused = (container: Container, why: string, cause?: unknown) =>
  new PodError(
    "CreateContainerConfigError",
    `cannot make the environment of container ${shown(container.name)}: ${why}`,
    {
      cause,
      ...(cause !== undefined && { code: SampanError.from(cause).code }),
    },
  );

function checkedName(text: string): string {
  if (name.test(text)) return text;
  throw new PodError(
    "CreateContainerConfigError",
    `cannot set environment variable ${shown(text)}: it is no name of one`,
  );
}

interface Lookup {
  readonly type: "configmap" | "secret";
  readonly name: string;
  readonly optional: boolean;
}

/** Undefined for an optional one that is not there, or that nobody can ask for now: who starts without the cloud starts without it. */
async function dataOf(
  pod: Pod,
  { type, name: wanted, optional }: Lookup,
  sources: EnvironmentSources,
): Promise<ReadonlyMap<string, string> | undefined> {
  const key = { namespace: pod.metadata.namespace ?? "default", type, name: wanted };
  try {
    return texts(type, await sources.meta.fetch(key, sources.signal));
  } catch (error) {
    const { code, message } = SampanError.from(error);
    if (optional && (code === "not_found" || code === "unavailable")) return undefined;
    throw new PodError("CreateContainerConfigError", `${type} ${shown(wanted)} not found: ${message}`, {
      cause: error,
      code,
    });
  }
}

function texts(type: Lookup["type"], object: KubeObject): ReadonlyMap<string, string> {
  const data = Object.entries((object["data"] ?? {}) as Record<string, unknown>);
  const text = (value: unknown) =>
    type === "secret" ? Buffer.from(String(value), "base64").toString() : String(value);
  return new Map(data.map(([key, value]) => [key, text(value)]));
}

interface From {
  readonly from: EnvFrom;
  readonly sources: EnvironmentSources;
}

async function addAll(found: Variables, pod: Pod, { from, sources }: From): Promise<void> {
  const { prefix = "", configMapRef, secretRef } = from;
  const ref = configMapRef ?? secretRef;
  if (!ref) return;
  const data = await dataOf(
    pod,
    { type: configMapRef ? "configmap" : "secret", name: ref.name ?? "", optional: ref.optional === true },
    sources,
  );
  const skipped: string[] = [];
  for (const [key, value] of data ?? [])
    if (name.test(prefix + key)) found.set(prefix + key, value);
    else skipped.push(prefix + key);
  if (skipped.length > 0)
    sources.warn?.(
      `keys ${skipped.slice(0, 20).map(shown).join(", ")} are no names of variables and are left out`,
    );
}

interface Place {
  readonly pod: Pod;
  readonly container: Container;
  readonly sources: EnvironmentSources;
  readonly found: Variables;
  readonly services: Variables;
}

async function valueOf(variable: EnvVar, place: Place): Promise<string | undefined> {
  const { value, valueFrom } = variable;
  const { pod, container, sources, found, services } = place;
  if (value || !valueFrom) return expand(value ?? "", (each) => found.get(each) ?? services.get(each));
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef } = valueFrom;
  if (fieldRef)
    return podField(pod, fieldRef.fieldPath, {
      node: sources.node,
      podIps: sources.podIps,
      place: "environment",
    });
  if (resourceFieldRef) return resourceField(pod, resourceFieldRef, { container, node: sources.node });
  const ref = configMapKeyRef ?? secretKeyRef;
  if (!ref) throw refused(container, `variable ${shown(variable.name)} has a source that is not supported`);
  const type = configMapKeyRef ? "configmap" : "secret";
  const optional = ref.optional === true;
  const data = await dataOf(pod, { type, name: ref.name ?? "", optional }, sources);
  const text = data?.get(ref.key);
  if (text === undefined && !optional)
    throw refused(container, `couldn't find key ${shown(ref.key)} in ${type} ${shown(ref.name ?? "")}`);
  return text;
}

/** `$(NAME)` → its value, or as it stands where there is none; `$$` is a dollar. */
export function expand(text: string, valueFor: (name: string) => string | undefined): string {
  return text.replaceAll(/\$(\$|\(([^)]*)\))/g, (whole, what: string, variable: string) =>
    what === "$" ? "$" : (valueFor(variable) ?? whole),
  );
}

/** command and args with their variables. `environment`: of environmentOf. */
export function expandedWords(
  container: Pick<Container, "command" | "args">,
  environment: readonly string[],
): { readonly command?: readonly string[]; readonly args?: readonly string[] } {
  const values = variablesOf(environment);
  const all = (words: readonly string[]) => words.map((word) => expand(word, (each) => values.get(each)));
  const { command, args } = container;
  return { ...(command?.length && { command: all(command) }), ...(args?.length && { args: all(args) }) };
}

export function variablesOf(environment: readonly string[]): ReadonlyMap<string, string> {
  return new Map(
    environment.map((word) => {
      const at = word.indexOf("=");
      return [word.slice(0, at), word.slice(at + 1)] as const;
    }),
  );
}
