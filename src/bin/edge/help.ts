/** Help of the edge's parts, made from the tables that parse. */
import type { FlagTable } from "../../cli/flags/flags.ts";
import { diagnoseFlags, edgeFlags, joinFlags, resetFlags } from "./flags.ts";

export function edgeHelp(): string {
  return `Usage:  sampan edge [OPTIONS]
        sampan edge diagnose [OPTIONS]

The edge half: this machine as a node of a cloud, with its engine, local store, devices and MQTT in one process. Join first.
Signals: SIGTERM and SIGINT end it; containers run on.

Commands:
  diagnose   Look at what an edge needs, and say what to do

Options:
${rows(edgeFlags)}

Examples:
  sampan join cloud.example.com:10000 --token TOKEN
  sampan edge
  sampan edge --config /etc/sampan/edge.toml
`;
}

export function joinHelp(): string {
  return `Usage:  sampan join [OPTIONS] CLOUD[:PORT] [CLOUD[:PORT]...]

Make this machine a node of a cloud: its key is made here, its certificate signed there. Done again it changes nothing.

Options:
${rows(joinFlags)}

Examples:
  sampan join cloud.example.com:10000 --token TOKEN
  sampan cloud token | sampan join 192.0.2.10 --token-file - --node-name greenhouse-3
`;
}

export function resetHelp(): string {
  return `Usage:  sampan reset [OPTIONS]

Leave the cloud: remove this node's keys, what the cloud sent, and twins. Nothing that runs is ended: stop sampan edge first. Containers, images and the settings file stay.

Options:
${rows(resetFlags)}
`;
}

export function diagnoseHelp(): string {
  return `Usage:  sampan edge diagnose [OPTIONS]

Look at the connection, names, certificates, clock, disk, cgroups, kernel and engine of this node. The status is 0 when nothing is wrong.

Options:
${rows(diagnoseFlags)}
`;
}

function rows(table: FlagTable): string {
  const lines = Object.entries(table)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, { short, value, among, kind, help }]) => {
      const wanted = value ?? among?.join("|") ?? (kind === "number" ? "NUMBER" : "");
      return [`  ${short ? `-${short}, ` : "    "}--${name}${wanted ? ` ${wanted}` : ""}`, help] as const;
    });
  const width = Math.max(...lines.map(([left]) => left.length)) + 3;
  return lines.map(([left, right]) => `${left.padEnd(width)}${right}`).join("\n");
}
