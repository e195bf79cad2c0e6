/** What a pod's specification gets beyond the defaults of its fields: from other fields. For pods and for the templates of pods. */
import { entries, give, isFields, made, text, type Fields } from "../fields/read.ts";

const volumeSourceless = ["name"];

/** What a pod itself gets besides, and a template does not: its hash would follow. In place; idempotent. */
export function defaultPod(spec: Fields): void {
  defaultPodSpec(spec);
  give(spec, "enableServiceLinks", true);
  for (const container of containersOf(spec)) defaultRequests(container);
}

/** In place; idempotent. */
export function defaultPodSpec(spec: Fields): void {
  const account = text(spec.serviceAccountName) || text(spec.serviceAccount);
  if (account !== "") Object.assign(spec, { serviceAccountName: account, serviceAccount: account });
  for (const volume of entries(spec.volumes)) {
    const sources = Object.keys(volume).filter((field) => !volumeSourceless.includes(field));
    if (sources.length === 0) volume.emptyDir = {};
  }
  const hostNetwork = spec.hostNetwork === true;
  for (const container of containersOf(spec)) defaultContainer(container, hostNetwork);
}

/** The init containers, the containers and the ephemeral containers of a specification. */
function containersOf(spec: Fields): Fields[] {
  return [spec.initContainers, spec.containers, spec.ephemeralContainers].flatMap(entries);
}

function defaultContainer(container: Fields, hostNetwork: boolean): void {
  if (typeof container.image === "string") {
    give(container, "imagePullPolicy", isLatest(container.image) ? "Always" : "IfNotPresent");
  }
  made(container, "resources");
  if (!hostNetwork) return;
  for (const port of entries(container.ports)) {
    if (port.containerPort !== undefined) give(port, "hostPort", port.containerPort);
  }
}

function defaultRequests(container: Fields): void {
  const resources = made(container, "resources");
  const { limits } = resources;
  if (!isFields(limits) || Object.keys(limits).length === 0) return;
  const requests = made(resources, "requests");
  for (const [name, limit] of Object.entries(limits)) give(requests, name, limit);
}

/** The tag is `latest`, or there is neither tag nor digest. */
function isLatest(image: string): boolean {
  if (image.includes("@")) return false;
  const last = image.slice(image.lastIndexOf("/") + 1);
  const [, tag = "latest"] = last.split(":");
  return tag === "latest";
}

/** Guaranteed: each container's requests are its limits; BestEffort: there are neither. */
export function qosClass(spec: Fields): "Guaranteed" | "Burstable" | "BestEffort" {
  const containers = [...entries(spec.initContainers), ...entries(spec.containers)];
  const parts = containers.map(({ resources }) => {
    const { requests, limits } = isFields(resources) ? resources : {};
    return { requests: counted(requests), limits: counted(limits) };
  });
  if (parts.every(({ requests, limits }) => requests.size === 0 && limits.size === 0)) return "BestEffort";
  const guaranteed = parts.every(({ requests, limits }) =>
    ["cpu", "memory"].every(
      (name) => limits.has(name) && (requests.get(name) ?? limits.get(name)) === limits.get(name),
    ),
  );
  return guaranteed ? "Guaranteed" : "Burstable";
}

function counted(amounts: unknown): Map<string, unknown> {
  const pairs = Object.entries(isFields(amounts) ? amounts : {});
  return new Map(pairs.filter(([name, amount]) => ["cpu", "memory"].includes(name) && amount !== "0"));
}
