/** The flags of `sampan cloud` and `sampan cloud kubeconfig`: kube-apiserver's names where they mean the same. */
import { commonFlags } from "../flag-help.ts";
import { invalid } from "../../base/errors.ts";
import { type FlagTable, type Flags, parseFlags } from "../../cli/flags/flags.ts";
import { parseGoDuration } from "../../cli/text/duration.ts";

const { help } = commonFlags;
const root = { kind: "text", value: "DIR", help: "Folder of all data" } as const;
const config = { kind: "text", value: "FILE", help: "Settings file (SAMPAN_CLOUD_CONFIG)" } as const;

const kubeconfig = {
  kind: "text",
  value: "FILE",
  help: "Work on the cluster of this kubeconfig",
} as const;

export const cloudFlags = {
  "data-root": root,
  config,
  kubeconfig: { ...kubeconfig, help: "Work on the cluster of this kubeconfig, and serve no API of its own" },
  "bind-address": {
    kind: "text",
    value: "ADDRESS",
    help: "Listen at this address of the machine; 0.0.0.0, the preset, is all of them",
  },
  "secure-port": { kind: "number", help: "Listen at this port; 6443 without it, 0 is any" },
  "advertise-address": {
    kind: "text",
    value: "ADDRESS",
    help: "What pods and nodes are told to reach the server by",
  },
  "tls-san": {
    kind: "list",
    value: "NAME",
    help: "A further name or address of the server's certificate; may be given several times",
  },
  hub: { kind: "yes", preset: true, help: "Serve edges; --hub=false is the Kubernetes API alone" },
  "hub-port": { kind: "number", help: "Where edges connect; 10000 without it, 0 is any" },
  "join-port": { kind: "number", help: "Where edges join; 10002 without it, 0 is any" },
  "tunnel-port": {
    kind: "number",
    help: "Where edges dial their tunnels for logs, exec, port-forward and figures; 10004 without it, 0 is any",
  },
  "kubelets-port": {
    kind: "number",
    help: "With --kubeconfig: where the cluster's API asks for logs and commands of pods; 10003 without it, 0 is any",
  },
  "hub-name": {
    kind: "list",
    value: "NAME",
    help: "A further name or address by which edges reach this cloud; may be given several times",
  },
  "node-limit": { kind: "number", help: "How many edges may be connected; 5000 without it" },
  "router-address": {
    kind: "text",
    value: "ADDRESS",
    help: "Where rules take REST from applications outside, without TLS and passwords; 127.0.0.1 without it",
  },
  metaserver: {
    kind: "text",
    help: "What nodes may ask of the API by their MetaServers: node, the preset, is what is their own and their pods'; all is whatever the cloud may",
    among: ["node", "all"],
  },
  "router-port": { kind: "number", help: "Its port; 9443 without it, 0 is any" },
  "join-existing": {
    kind: "text",
    help: "Whether a token lets a node in whose name is there already; offline without it: only while none of that name is connected",
    among: ["always", "offline", "never"],
  },
  "legacy-certificates": {
    kind: "yes",
    help: "Let edges in whose certificate names no node, as KubeEdge's before 1.18 have: any of them may say that it is any node",
  },
  "log-level": commonFlags["log-level"],
  help,
} as const satisfies FlagTable;

export const kubeconfigFlags = {
  "data-root": root,
  config,
  server: {
    kind: "text",
    value: "URL",
    help: "Where clients reach the server; otherwise what it last said itself",
  },
  user: { kind: "text", value: "NAME", help: "Whom the certificate is for; kubernetes-admin without it" },
  group: {
    kind: "list",
    value: "GROUP",
    help: "A group of the user; may be given several times. With neither user nor group: the administrators",
  },
  "valid-for": {
    kind: "text",
    value: "DURATION",
    help: "How long the certificate is good, as 12h; a year without it",
  },
  help,
} as const satisfies FlagTable;

/** Of `install-crds`. */
export const definitionsFlags = {
  "data-root": root,
  config,
  kubeconfig: {
    ...kubeconfig,
    help: "Of the cluster; without it the embedded API that runs on the data root",
  },
  help,
} as const satisfies FlagTable;

export const tokenFlags = {
  "data-root": root,
  config,
  kubeconfig: { ...kubeconfig, help: "Of the cluster that the cloud works on" },
  server: { kind: "text", value: "HOST", help: "The name or address by which edges reach the cloud" },
  "print-join-command": { kind: "yes", help: "Print the whole command that joins a node" },
  help,
} as const satisfies FlagTable;

export type TokenFlags = Flags<typeof tokenFlags>;
export type CloudFlags = Flags<typeof cloudFlags>;
export type KubeconfigFlags = Flags<typeof kubeconfigFlags>;

/** Undefined: help was asked for. */
export function parseCloudFlags(args: readonly string[]): CloudFlags | undefined {
  return parse(cloudFlags, args, "cloud");
}

/** Undefined: help was asked for. */
export function parseKubeconfigFlags(args: readonly string[]): KubeconfigFlags | undefined {
  return parse(kubeconfigFlags, args, "cloud kubeconfig");
}

/** Undefined: help was asked for. */
export function parseDefinitionsFlags(args: readonly string[]): Flags<typeof definitionsFlags> | undefined {
  return parse(definitionsFlags, args, "cloud install-crds");
}

/** Undefined: help was asked for. */
export function parseTokenFlags(args: readonly string[]): TokenFlags | undefined {
  return parse(tokenFlags, args, "cloud token");
}

function parse<const T extends FlagTable & { readonly help: typeof help }>(
  table: T,
  args: readonly string[],
  name: string,
): Flags<T> | undefined {
  const { flags, words } = parseFlags(table, args);
  if ((flags as { readonly help: boolean }).help) return undefined;
  if (words[0] !== undefined)
    throw invalid(`cannot use ${name} argument "${words[0]}": it is not a flag, wanted flags alone`);
  return flags;
}

/** Seconds. */
export function parseValidity(text: string): number {
  const seconds = Math.floor((parseGoDuration(text) ?? 0) / 1e9);
  if (seconds >= 600) return seconds;
  throw invalid(`cannot use --valid-for "${text}": wanted a duration of at least ten minutes, as 12h or 90m`);
}
