/** In which order containers are started after the daemon or the machine was: each after those that it needs. Pure. */
import type { CreateBody } from "../../spec/docker/create.ts";
import { otherContainers } from "./spec/namespaces.ts";

export interface Startable {
  readonly id: string;
  readonly name: string;
  readonly body: CreateBody;
  /** Labels of container and image. */
  readonly labels: Readonly<Record<string, string>>;
}

export interface Need {
  readonly id: string;
  /** As compose words it in its label: `service_started`, `service_healthy`, `service_completed_successfully`. */
  readonly condition: string;
}

const compose = {
  project: "com.docker.compose.project",
  service: "com.docker.compose.service",
  needs: "com.docker.compose.depends_on",
} as const;

/** What each container needs of the others. A need of itself, or of what is not there, is none. */
export function needsOf(all: readonly Startable[]): ReadonlyMap<string, readonly Need[]> {
  const find = finder(all);
  return new Map(
    all.map((container) => {
      const found = [...references(container), ...composeNeeds(container)].flatMap(
        ({ references: one, condition }) => one.flatMap(find).map((id) => ({ id, condition })),
      );
      const needs = new Map(found.filter(({ id }) => id !== container.id).map((need) => [need.id, need]));
      return [container.id, [...needs.values()]];
    }),
  );
}

interface Wanted {
  readonly references: readonly string[];
  readonly condition: string;
}

function references({ body }: Startable): Wanted[] {
  const host = body.HostConfig ?? {};
  const joined = Object.values(otherContainers(body));
  const endpoints = Object.values(body.NetworkingConfig?.EndpointsConfig ?? {});
  const links = [...(host.Links ?? []), ...endpoints.flatMap((endpoint) => endpoint?.Links ?? [])];
  const linked = links.map((link) => link.split(":")[0] ?? "");
  return [{ references: [...joined, ...linked], condition: "service_started" }];
}

/** `db:service_healthy:false,cache:service_started:true`: services of the same project. */
function composeNeeds({ labels }: Startable): Wanted[] {
  const project = labels[compose.project];
  if (project === undefined) return [];
  return (labels[compose.needs] ?? "")
    .split(",")
    .filter(Boolean)
    .map((word) => {
      const [service = "", condition = "service_started"] = word.split(":");
      return { references: [serviceKey(project, service)], condition };
    });
}

const serviceKey = (project: string, service: string) => `compose\0${project}\0${service}`;

function finder(all: readonly Startable[]): (reference: string) => string[] {
  const byKey = new Map<string, string[]>();
  const add = (key: string, id: string) => byKey.set(key, [...(byKey.get(key) ?? []), id]);
  for (const { id, name, labels } of all) {
    add(id, id);
    add(name, id);
    const [project, service] = [labels[compose.project], labels[compose.service]];
    if (project !== undefined && service !== undefined) add(serviceKey(project, service), id);
  }
  return (reference) =>
    byKey.get(reference.replace(/^\//, "")) ??
    (/^[0-9a-f]{12,64}$/.test(reference)
      ? all.filter(({ id }) => id.startsWith(reference)).map(({ id }) => id)
      : []);
}

/** Each after what it needs; where they need each other in a circle, in the order given. */
export function startOrder(ids: readonly string[], needs: ReadonlyMap<string, readonly Need[]>): string[] {
  const wanted = new Set(ids);
  const order = new Set<string>();
  const visiting = new Set<string>();
  const visit = (id: string): void => {
    if (order.has(id) || visiting.has(id)) return;
    visiting.add(id);
    for (const need of needs.get(id) ?? []) visit(need.id);
    visiting.delete(id);
    if (wanted.has(id)) order.add(id);
  };
  for (const id of ids) visit(id);
  return [...order];
}
