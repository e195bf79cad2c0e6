/** `sampan version`. */
import { commit, version } from "../base/version.ts";
import type { ServerVersion } from "../spec/docker/system.ts";
import { define } from "./command.ts";
import { compileTemplate } from "./template/template.ts";
import { printable } from "./text/identifier.ts";

function serverText(server: ServerVersion, host: string, spoken: string): string {
  const { Version, ApiVersion, MinAPIVersion, GitCommit, Os, Arch, KernelVersion, Components } = server;
  const rows = [
    ["Version:", Version],
    ["API:", `${ApiVersion}${MinAPIVersion ? ` (from ${MinAPIVersion}; spoken here: ${spoken})` : ""}`],
    ["Commit:", GitCommit],
    ["OS/Arch:", `${Os}/${Arch}`],
    ...(KernelVersion ? [["Kernel:", KernelVersion]] : []),
    ...(Components ?? [])
      .filter(({ Name }) => Name !== "Engine")
      .map(({ Name, Version: own }) => [`${Name}:`, own]),
  ] as const;
  const lines = rows.map(([name = "", value = ""]) => `  ${name.padEnd(13)} ${printable(value)}\n`);
  return `Daemon at ${host}\n${lines.join("")}`;
}

export const command = define({
  summary: "Show the version",
  usage: "[OPTIONS]",
  flags: { format: { kind: "text", short: "f", value: "TEMPLATE", help: "Print by a Go template" } },
  words: { least: 0, most: 0 },
  examples: [
    ["version", "The version, the commit and the platform"],
    ["version --format '{{.Client.Version}}'", "The version alone"],
  ],
  run: async ({ flags, out, named, daemon: open }) => {
    const client = {
      Version: version,
      GitCommit: commit(),
      Bun: Bun.version,
      Os: process.platform,
      Arch: process.arch === "x64" ? "amd64" : process.arch,
    };
    const format = flags.format === "json" ? "{{json .}}" : flags.format;
    const own = `Sampan ${client.Version}\n  Commit:   ${client.GitCommit}\n  Bun:      ${client.Bun}\n  OS/Arch:  ${client.Os}/${client.Arch}\n`;
    if (format === undefined) await out.write(own);
    const daemon = named ? await open() : undefined;
    const server = daemon ? await daemon.serverVersion() : null;
    if (format !== undefined)
      await out.write(`${compileTemplate(format)({ Client: client, Server: server })}\n`);
    else if (daemon && server)
      await out.write(`\n${serverText(server, daemon.host, await daemon.apiVersion())}`);
    return 0;
  },
});
