/** Help texts, made from the same tables that parse. */
import type { Command } from "./command.ts";
import { commands, groups, type Load } from "./commands.ts";
import type { FlagSpec, FlagTable } from "./flags/flags.ts";

export const globalFlags = {
  root: { kind: "text", value: "DIR", help: "Folder of all data (SAMPAN_ROOT)" },
  config: { kind: "text", value: "FILE", help: "Configuration file (SAMPAN_CONFIG)" },
  host: {
    kind: "text",
    short: "H",
    value: "ADDRESS",
    help: "Daemon to ask: unix:///path or tcp://host:port (DOCKER_HOST)",
  },
  tls: { kind: "yes", help: "Use TLS, whoever signed the daemon's certificate" },
  tlsverify: { kind: "yes", help: "Use TLS and verify the daemon (DOCKER_TLS_VERIFY)" },
  tlscacert: { kind: "text", value: "FILE", help: "Certificates to trust (ca.pem in DOCKER_CERT_PATH)" },
  tlscert: { kind: "text", value: "FILE", help: "This side's certificate (cert.pem)" },
  tlskey: { kind: "text", value: "FILE", help: "Its key (key.pem)" },
  context: {
    kind: "text",
    short: "c",
    help: "",
    absent: "Sampan has no contexts; -H or DOCKER_HOST says which daemon",
  },
  debug: { kind: "yes", short: "D", help: "Accepted; nothing more is told" },
  "log-level": { kind: "text", short: "l", value: "LEVEL", help: "Accepted; the daemon has one of its own" },
  version: { kind: "yes", short: "v", help: "Print the version" },
  help: { kind: "yes", short: "h", help: "Print help" },
} as const satisfies FlagTable;

export async function overview(): Promise<string> {
  const own = await summaries(commands);
  const parts = [
    ...Object.entries(groups).map(([name, { summary }]) => [name, summary] as const),
    ["cloud", "A Kubernetes API with its controllers (see: sampan cloud --help)"] as const,
    ["edge", "This machine as a node of a cloud (see: sampan edge --help)"] as const,
    ["join", "Join this machine to a cloud (see: sampan join --help)"] as const,
    ["reset", "Leave the cloud (see: sampan reset --help)"] as const,
    ["mapper", "Devices of one protocol, between the field and an edge (see: sampan mapper --help)"] as const,
    ["simulate", "A device to try a mapper with (see: sampan simulate --help)"] as const,
    ["runtime", "The OCI runtime, with runc's command line (see: sampan runtime --help)"] as const,
  ];
  return [
    "Usage:  sampan [OPTIONS] COMMAND\n\nOne program for the whole container stack",
    section("Commands", own),
    section("Groups of commands and other parts", parts),
    section("Options", flagRows(globalFlags)),
    section("Examples", [
      ["sampan pull alpine", "Download an image"],
      ["sampan run --rm -it alpine sh", "Work in a container of it"],
      ["sampan system df -v", "See where the disk went"],
    ]),
    "Run 'sampan COMMAND --help' for more about a command.\n",
  ].join("\n\n");
}

export async function groupHelp(name: string): Promise<string> {
  const group = groups[name];
  if (!group) return overview();
  return [
    `Usage:  sampan ${name} COMMAND\n\n${group.summary}`,
    section("Commands", await summaries(group.commands)),
    `Run 'sampan ${name} COMMAND --help' for more about a command.\n`,
  ].join("\n\n");
}

export function commandHelp(name: string, command: Command): string {
  const flags = flagRows(command.flags);
  const examples = command.examples.map(([line, what]) => [`sampan ${line}`, what] as const);
  return [
    `${usageLine(name, command)}\n\n${command.summary}`,
    ...(command.more ? [command.more] : []),
    ...(flags.length > 0 ? [section("Options", flags)] : []),
    section("Examples", examples),
  ]
    .join("\n\n")
    .concat("\n");
}

export function usageLine(name: string, command: Command): string {
  return `Usage:  sampan ${name}${command.usage ? ` ${command.usage}` : ""}`;
}

async function summaries(table: Readonly<Record<string, Load>>): Promise<(readonly [string, string])[]> {
  return Promise.all(
    Object.entries(table).map(async ([name, load]) => [name, (await load()).command.summary] as const),
  );
}

function flagRows(table: FlagTable): (readonly [string, string])[] {
  return Object.entries(table)
    .filter(([, { absent, as }]) => !absent && as === undefined)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, spec]) => [flagName(name, spec), spec.help] as const);
}

const valueNames = {
  yes: "",
  maybe: "",
  text: "TEXT",
  list: "TEXT",
  number: "NUMBER",
  bytes: "SIZE",
} as const;

function flagName(name: string, spec: FlagSpec): string {
  const value = spec.value ?? spec.among?.join("|") ?? valueNames[spec.kind];
  return `${spec.short ? `-${spec.short}, ` : "    "}--${name}${value ? ` ${value}` : ""}`;
}

function section(title: string, rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length)) + 3;
  return [`${title}:`, ...rows.map(([left, right]) => `  ${left.padEnd(width)}${right}`)].join("\n");
}
