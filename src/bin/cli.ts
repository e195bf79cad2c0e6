/** The command line with an engine in this process behind it; the engine is opened by the first command that asks for it. */
import { main, type Place } from "../cli/main.ts";
import type { EngineClient } from "../cli/client/client.ts";
import { processIo } from "../cli/process.ts";
import { programCommand } from "./program.ts";

export function cli(args: readonly string[]): Promise<number> {
  return main(args, openClient, processIo());
}

async function openClient({ root, config }: Place): Promise<EngineClient> {
  const { readEngineSettings } = await import("../engine/settings-file.ts");
  const { openEngine } = await import("./engine.ts");
  const { localClient } = await import("../api/local/client.ts");
  const settings = readEngineSettings({
    ...(root === undefined ? {} : { root }),
    ...(config === undefined ? {} : { config }),
  });
  return localClient(await openEngine(settings), {
    runtime: programCommand("runtime"),
    credentials: async () => {
      const { dockerConfigFolder, openDockerConfig } = await import("../engine/registry/docker-config.ts");
      return openDockerConfig(dockerConfigFolder(process.env));
    },
  });
}
