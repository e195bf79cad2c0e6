/** The command line and its engine, which the first command that asks for it opens. */
import type { EngineClient } from "../cli/client/client.ts";
import { main, type Place } from "../cli/main.ts";
import { processIo } from "../cli/process.ts";
import { programCommand } from "./program.ts";

/** Docker's API: of the daemon that there is, of one that is started, or of this process for a data root that is named (local-client.ts). */
export function cliThroughApi(args: readonly string[]): Promise<number> {
  const io = processIo();
  const say = (line: string) => void io.err.write(`${line}\n`).catch(() => {});
  const open = async (place: Place) => {
    const { openLocalClient } = await import("./local-client.ts");
    return openLocalClient({ ...place, env: process.env }, { say, credentials });
  };
  return main(args, open, io, { daemon: true, credentials });
}

/** The engine in this process, without Docker's API. */
export function cli(args: readonly string[]): Promise<number> {
  return main(args, openClient, processIo(), { credentials });
}

async function openClient({ root, config }: Place): Promise<EngineClient> {
  const { readEngineSettings } = await import("../engine/settings-file.ts");
  const { openEngine } = await import("./engine.ts");
  const { localClient } = await import("../api/local/client.ts");
  const settings = readEngineSettings({
    ...(root === undefined ? {} : { root }),
    ...(config === undefined ? {} : { config }),
  });
  return localClient(await openEngine(settings), { runtime: programCommand("runtime"), credentials });
}

async function credentials() {
  const { dockerConfigFolder, openDockerConfig } = await import("../engine/registry/docker-config.ts");
  return openDockerConfig(dockerConfigFolder(process.env));
}
