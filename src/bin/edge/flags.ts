/** The flags of `sampan edge`, `sampan join`, `sampan reset`, `sampan edge confirm-upgrade` and `sampan edge diagnose`. What each sets stands in the settings file too; a flag goes before it. */
import { commonFlags } from "../flag-help.ts";
import { invalid } from "../../base/errors.ts";
import { type FlagTable, type Flags, parseFlags } from "../../cli/flags/flags.ts";

const { help } = commonFlags;
const place = {
  "data-root": { kind: "text", value: "DIR", help: "Folder of the edge's data" },
  config: { kind: "text", value: "FILE", help: "Settings file (SAMPAN_EDGE_CONFIG)" },
} as const satisfies FlagTable;

export const edgeFlags = {
  ...place,
  "node-name": { kind: "text", value: "NAME", help: "This node's name; otherwise the one that it joined by" },
  cloud: {
    kind: "list",
    value: "HOST:PORT",
    help: "A cloud's address instead of the one that was joined; may be given several times",
  },
  "cert-port": { kind: "number", help: "Where the cloud signs certificates; 10002" },
  "tunnel-port": { kind: "number", help: "Where the cloud takes tunnels for logs and exec; 10004" },
  "metaserver-port": { kind: "number", help: "Of the local Kubernetes API; 10550, 0 is none" },
  "mqtt-port": { kind: "number", help: "Of the broker inside; 1884" },
  "servicebus-port": { kind: "number", help: "Of the way from local applications to the cloud; 9060" },
  "kubelet-port": { kind: "number", help: "Of the local kubelet's API; 10350, 0 is none" },
  "dmi-socket": { kind: "text", value: "PATH", help: "Where mappers register; /run/sampan/dmi.sock" },
  "static-pods": { kind: "text", value: "DIR", help: "Manifests of pods that run without a cloud" },
  "engine-root": {
    kind: "text",
    value: "DIR",
    help: "The engine's data root; as --data-root of sampan daemon",
  },
  "engine-state": {
    kind: "text",
    value: "DIR",
    help: "The engine's run root; as --run-root of sampan daemon",
  },
  "engine-config": { kind: "text", value: "FILE", help: "The engine's settings file (SAMPAN_CONFIG)" },
  "log-level": commonFlags["log-level"],
  help,
} as const satisfies FlagTable;

export const joinFlags = {
  ...place,
  token: { kind: "text", value: "TOKEN", help: "What `sampan cloud token` or `keadm gettoken` prints" },
  "token-file": { kind: "text", value: "FILE", help: "A file with the token; - is standard input" },
  "node-name": { kind: "text", value: "NAME", help: "This node's name; the machine's without it" },
  "cert-port": { kind: "number", help: "Where the cloud signs certificates; 10002" },
  force: { kind: "yes", short: "f", help: "Replace what another join left" },
  help,
} as const satisfies FlagTable;

export const resetFlags = {
  ...place,
  force: { kind: "yes", short: "f", help: "Do not ask" },
  help,
} as const satisfies FlagTable;

export const mqttUserFlags = {
  ...place,
  users: { kind: "text", value: "FILE", help: "The file of users, instead of the settings' one" },
  publish: { kind: "list", value: "FILTER", help: "Where it may publish; may be given several times" },
  subscribe: { kind: "list", value: "FILTER", help: "What it may hear; may be given several times" },
  help,
} as const satisfies FlagTable;

export const confirmFlags = { ...place, help } as const satisfies FlagTable;

export const diagnoseFlags = {
  ...place,
  "node-name": edgeFlags["node-name"],
  cloud: edgeFlags.cloud,
  "cert-port": edgeFlags["cert-port"],
  "engine-root": edgeFlags["engine-root"],
  "engine-state": edgeFlags["engine-state"],
  "engine-config": edgeFlags["engine-config"],
  json: { kind: "yes", help: "Print JSON" },
  help,
} as const satisfies FlagTable;

export type EdgeFlags = Flags<typeof edgeFlags>;

interface WithHelp {
  readonly help: FlagTable[string];
}

/** Undefined: help was asked for. */
export function parseWords<const T extends FlagTable & WithHelp>(
  table: T,
  args: readonly string[],
  { name, most = 0 }: { readonly name: string; readonly most?: number },
): { readonly flags: Flags<T>; readonly words: readonly string[] } | undefined {
  const parsed = parseFlags(table, args);
  if ((parsed.flags as { readonly help: boolean }).help) return undefined;
  const extra = parsed.words[most];
  if (extra !== undefined)
    throw invalid(`cannot use ${name} argument "${extra}": wanted ${most === 0 ? "flags alone" : "no more"}`);
  return parsed;
}
