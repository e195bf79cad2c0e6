/** The command line: a client of the daemon that is named, or of this machine's, which is started when there is none. */
import type { CredentialStore } from "../cli/client/credentials.ts";
import { main } from "../cli/main.ts";
import { processIo } from "../cli/process.ts";
import { printable } from "../cli/text/identifier.ts";

export function cli(args: readonly string[]): Promise<number> {
  const io = processIo();
  return main(
    args,
    async ({ root, config }) => {
      const { openLocalClient } = await import("./local-client.ts");
      const say = (line: string) => void io.err.write(`${printable(line)}\n`).catch(() => {});
      return openLocalClient({ root, config, env: process.env }, { say, credentials });
    },
    io,
    { credentials, probe },
  );
}

async function credentials(): Promise<CredentialStore> {
  const { dockerConfigFolder, openDockerConfig } = await import("../engine/registry/docker-config.ts");
  return openDockerConfig(dockerConfigFolder(process.env));
}

async function probe(): Promise<Uint8Array> {
  const { launcherBytes } = await import("../runtime/native/init-file.ts");
  return await launcherBytes();
}
