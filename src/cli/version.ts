/** `sampan version`. */
import { commit, version } from "../base/version.ts";
import { define } from "./command.ts";
import { compileTemplate } from "./template/template.ts";

export const command = define({
  summary: "Show the version",
  usage: "[OPTIONS]",
  flags: { format: { kind: "text", short: "f", value: "TEMPLATE", help: "Print by a Go template" } },
  words: { least: 0, most: 0 },
  examples: [
    ["version", "The version, the commit and the platform"],
    ["version --format '{{.Client.Version}}'", "The version alone"],
  ],
  run: async ({ flags, out }) => {
    const client = {
      Version: version,
      GitCommit: commit(),
      Bun: Bun.version,
      Os: process.platform,
      Arch: process.arch === "x64" ? "amd64" : process.arch,
    };
    const format = flags.format === "json" ? "{{json .}}" : flags.format;
    await out.write(
      format === undefined
        ? `Sampan ${client.Version}\n  Commit:   ${client.GitCommit}\n  Bun:      ${client.Bun}\n  OS/Arch:  ${client.Os}/${client.Arch}\n`
        : `${compileTemplate(format)({ Client: client, Server: null })}\n`,
    );
    return 0;
  },
});
