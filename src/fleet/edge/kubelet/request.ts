/** What is asked of the local kubelet, read from a path and a query that anybody may have written. */
import { invalid, SampanError } from "../../../base/errors.ts";
import type { CommandStreams } from "../../../wire/channels/command.ts";
import type { ContainerRef, LogOptions, PodRef } from "../edged/access.ts";

export type KubeletTarget =
  | { readonly kind: "logs"; readonly of: ContainerRef; readonly options: Omit<LogOptions, "signal"> }
  | {
      readonly kind: "exec";
      readonly of: ContainerRef;
      readonly command: readonly string[];
      readonly streams: CommandStreams;
    }
  | { readonly kind: "attach"; readonly of: ContainerRef; readonly streams: CommandStreams }
  | { readonly kind: "portForward"; readonly of: PodRef; readonly ports: readonly number[] }
  | { readonly kind: "summary" | "resource" | "cadvisor" | "metrics" | "pods" | "healthz" };

const longest = 16 << 10;
/** A path of Kubernetes: RFC 1123 labels, with dots where a subdomain may stand. */
const name = /^[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?$/;
const identifier = /^[-A-Za-z0-9._]{1,128}$/;
const mostWords = 4096;

const plain = {
  "stats/summary": "summary",
  "metrics/resource": "resource",
  "metrics/cadvisor": "cadvisor",
  metrics: "metrics",
  pods: "pods",
  healthz: "healthz",
} as const;

/** @throws SampanError not_found for a path that nothing answers, invalid_argument for a bad name or query. */
export function parseTarget(target: string): KubeletTarget {
  if (target.length > longest || !target.startsWith("/"))
    throw invalid("cannot answer: the request's path is too long or none");
  const question = target.indexOf("?");
  const path = question < 0 ? target : target.slice(0, question);
  const query = new URLSearchParams(question < 0 ? "" : target.slice(question + 1));
  const parts = path.slice(1).replace(/\/$/, "").split("/").map(decoded);
  const known = plain[parts.join("/") as keyof typeof plain];
  if (known) return { kind: known };
  const [kind = "", ...rest] = parts;
  if (kind === "containerLogs" && rest.length === 3)
    return { kind: "logs", of: container(rest), options: logOptions(query) };
  if (kind === "exec" && (rest.length === 3 || rest.length === 4))
    return { kind, of: container(rest), command: words(query), streams: streamsOf(query) };
  if (kind === "attach" && (rest.length === 3 || rest.length === 4))
    return { kind, of: container(rest), streams: streamsOf(query) };
  if (kind === "portForward" && (rest.length === 2 || rest.length === 3))
    return { kind, of: podOf(rest), ports: portsOf(query) };
  throw new SampanError("not_found", "404 page not found");
}

function decoded(part: string): string {
  let text: string;
  try {
    text = decodeURIComponent(part);
  } catch {
    throw invalid("cannot answer: the path is not well encoded");
  }
  // A name has no slash in it, whatever the encoding.
  if (text.includes("/") || text === "." || text === ".." || text.includes("\0"))
    throw invalid("cannot answer: the path has a part that is no name");
  return text;
}

function checked(what: string, value: string | undefined, pattern = name): string {
  if (value === undefined || !pattern.test(value))
    throw invalid(`cannot answer: ${JSON.stringify(value ?? "").slice(0, 300)} is not the name of a ${what}`);
  return value;
}

function podOf([namespace, pod, uid]: readonly string[]): PodRef {
  return {
    namespace: checked("namespace", namespace),
    pod: checked("pod", pod),
    ...(uid === undefined ? {} : { uid: checked("pod", uid, identifier) }),
  };
}

/** `ns/pod/container` or `ns/pod/uid/container`. */
function container(parts: readonly string[]): ContainerRef {
  const last = parts.at(-1);
  return { ...podOf(parts.slice(0, -1)), container: checked("container", last) };
}

function flag(query: URLSearchParams, ...names: readonly string[]): boolean {
  return names.some((each) => ["1", "true"].includes(query.get(each) ?? ""));
}

function streamsOf(query: URLSearchParams): CommandStreams {
  const streams = {
    stdin: flag(query, "input", "stdin"),
    stdout: flag(query, "output", "stdout"),
    stderr: flag(query, "error", "stderr"),
    tty: flag(query, "tty"),
  };
  if (!streams.stdin && !streams.stdout && !streams.stderr)
    throw invalid("you must specify at least 1 of stdin, stdout, stderr");
  return streams.tty ? { ...streams, stderr: false } : streams;
}

function words(query: URLSearchParams): readonly string[] {
  const command = query.getAll("command");
  if (command.length === 0 || command.length > mostWords || command[0] === "")
    throw invalid("cannot execute: wanted a command");
  if (command.some((word) => word.includes("\0")))
    throw invalid("cannot execute: the command has a NUL in it");
  return command;
}

function portsOf(query: URLSearchParams): readonly number[] {
  return [...query.getAll("port"), ...query.getAll("ports")]
    .flatMap((text) => text.split(","))
    .map((text) => {
      const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
      if (port < 1 || port > 65_535)
        throw invalid(`cannot forward port ${JSON.stringify(text.slice(0, 32))}`);
      return port;
    });
}

function logOptions(query: URLSearchParams): Omit<LogOptions, "signal"> {
  const tailLines = count(query, "tailLines");
  const limitBytes = count(query, "limitBytes");
  const since = sinceOf(query);
  return {
    follow: flag(query, "follow"),
    previous: flag(query, "previous"),
    timestamps: flag(query, "timestamps"),
    ...(tailLines === undefined ? {} : { tailLines }),
    ...(limitBytes === undefined ? {} : { limitBytes }),
    ...(since === undefined ? {} : { since }),
  };
}

function count(query: URLSearchParams, what: string): number | undefined {
  const text = query.get(what);
  if (text === null || text === "") return undefined;
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isNaN(value) || (what === "limitBytes" && value < 1))
    throw invalid(`cannot read logs: ${what} is ${JSON.stringify(text.slice(0, 32))}`);
  return value;
}

function sinceOf(query: URLSearchParams): number | undefined {
  const seconds = count(query, "sinceSeconds");
  if (seconds !== undefined) return Date.now() - seconds * 1000;
  const time = query.get("sinceTime");
  if (time === null || time === "") return undefined;
  const parsed = Date.parse(time);
  if (Number.isNaN(parsed))
    throw invalid(`cannot read logs: sinceTime is ${JSON.stringify(time.slice(0, 64))}`);
  return parsed;
}
