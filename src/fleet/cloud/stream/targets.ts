/** From a pod and the query of the API to what its kubelet is asked. */
import { KubeError, type KubeObject } from "../../../spec/kubernetes/kube.ts";
import type { CommandStreams } from "../../../wire/channels/command.ts";
import type { Target } from "./kubelet-answer.ts";

export type Kind = "log" | "exec" | "attach" | "portforward";

interface PodSpec {
  readonly nodeName?: string;
  readonly containers?: readonly { readonly name?: string }[];
  readonly initContainers?: readonly { readonly name?: string }[];
  readonly ephemeralContainers?: readonly { readonly name?: string }[];
}

/** @throws KubeError BadRequest for a pod that no node has. */
export function nodeOf({ metadata, spec }: KubeObject): string {
  const { nodeName = "" } = (spec ?? {}) as PodSpec;
  if (nodeName === "")
    throw new KubeError("BadRequest", `pod ${String(metadata.name)} does not have a host assigned`);
  return nodeName;
}

const paths = { log: "containerLogs", exec: "exec", attach: "attach", portforward: "portForward" } as const;

/** Kubelets' names of what the API calls otherwise. */
const streamNames = { stdin: "input", stdout: "output", stderr: "error", tty: "tty" } as const;
const logNames = [
  "follow",
  "previous",
  "timestamps",
  "tailLines",
  "limitBytes",
  "sinceSeconds",
  "sinceTime",
] as const;

/** @throws KubeError BadRequest when it is not clear which container is meant, or there is none of that name. */
export function targetOf(kind: Kind, pod: KubeObject, query: URLSearchParams): Target {
  const { namespace = "", name = "" } = pod.metadata;
  const place = [namespace, name].map(encodeURIComponent).join("/");
  const asked = new URLSearchParams();
  if (kind === "portforward") {
    for (const port of portsOf(query)) asked.append("port", String(port));
    return { path: `/${paths[kind]}/${place}`, query: asked.toString() };
  }
  const container = containerOf(pod, query.get("container") ?? "");
  if (kind === "log") {
    for (const each of logNames) {
      const value = query.get(each);
      if (value !== null) asked.set(each, value);
    }
  } else {
    const streams = streamsOf(query);
    for (const [ours, theirs] of Object.entries(streamNames))
      if (streams[ours as keyof CommandStreams]) asked.set(theirs, "1");
    if (kind === "exec") for (const word of query.getAll("command")) asked.append("command", word);
  }
  return { path: `/${paths[kind]}/${place}/${container}`, query: asked.toString() };
}

function isTrue(query: URLSearchParams, name: string): boolean {
  return ["true", "1"].includes(query.get(name) ?? "");
}

/** Without a word about them attach and exec give output and errors. */
export function streamsOf(query: URLSearchParams): CommandStreams {
  const stdout = query.has("stdout") ? isTrue(query, "stdout") : true;
  const stderr = query.has("stderr") ? isTrue(query, "stderr") : true;
  const tty = isTrue(query, "tty");
  return { stdin: isTrue(query, "stdin"), stdout, stderr: stderr && !tty, tty };
}

/** Of the older WebSocket protocol; SPDY has them in its streams. */
export function portsOf(query: URLSearchParams): readonly number[] {
  return query
    .getAll("ports")
    .flatMap((text) => text.split(","))
    .map((text) => (/^\d{1,5}$/.test(text) ? Number(text) : Number.NaN));
}

function containerOf({ metadata, spec }: KubeObject, asked: string): string {
  const { containers = [], initContainers = [], ephemeralContainers = [] } = (spec ?? {}) as PodSpec;
  const names = containers.map(({ name = "" }) => name);
  const all = [...names, ...[...initContainers, ...ephemeralContainers].map(({ name = "" }) => name)];
  if (asked === "") {
    const [only] = names;
    if (names.length === 1 && only !== undefined) return only;
    throw new KubeError(
      "BadRequest",
      `a container name must be specified for pod ${String(metadata.name)}, choose one of: [${names.join(" ")}]`,
    );
  }
  if (!all.includes(asked))
    throw new KubeError("BadRequest", `container ${asked} is not valid for pod ${String(metadata.name)}`);
  return asked;
}
