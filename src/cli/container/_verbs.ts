/** Verbs that do one thing to each of several containers and print its name. */
import type { DaemonClient } from "../client/daemon.ts";
import type { CommandContext } from "../command.ts";
import { forEach } from "../each.ts";

type Parts = Pick<CommandContext, "daemon" | "out" | "err" | "signal" | "words">;

/** All at once, as docker does: a stop may take its ten seconds. Gives the exit status. */
export async function eachContainer(
  { daemon: open, ...io }: Parts,
  verb: (daemon: DaemonClient, container: string) => Promise<unknown>,
): Promise<number> {
  const daemon = await open();
  return forEach(io, io.words, {
    atOnce: true,
    verb: async (container) => {
      await verb(daemon, container);
      await io.out.write(`${container}\n`);
    },
  });
}
