/** `sampan start`. */
import { invalid, SampanError } from "../../base/errors.ts";
import { converse } from "../attached/converse.ts";
import { startStatus } from "../attached/status.ts";
import { followSize, passSignals } from "../attached/terminal.ts";
import type { DaemonClient } from "../client/daemon.ts";
import { any, define } from "../command.ts";
import { forEach } from "../each.ts";
import { errorLine } from "../error-line.ts";
import { given } from "../flags/shared.ts";
import type { Io } from "../io.ts";

interface Way {
  readonly io: Io;
  readonly interactive: boolean;
  readonly sigProxy: boolean;
  readonly detachKeys: string | undefined;
}

/** Attached before it starts, so that nothing of its output is lost. */
async function startAttached(daemon: DaemonClient, container: string, way: Way): Promise<number> {
  const { io } = way;
  const { Config, HostConfig, State } = await daemon.inspectContainer(container);
  const stdin = way.interactive && Config.OpenStdin;
  const keys = given("detachKeys", way.detachKeys);
  const attached = await daemon.attachContainer(container, {
    stdin,
    stdout: true,
    stderr: true,
    signal: io.signal,
    ...keys,
  });
  using undo = new DisposableStack();
  undo.defer(() => attached.stream.destroy());
  const condition = State.Running ? "not-running" : HostConfig.AutoRemove ? "removed" : "next-exit";
  const { ended } = await daemon.waitContainer(container, { condition });
  ended.catch(() => {});
  if (way.sigProxy) undo.use(passSignals(io, (signal) => daemon.killContainer(container, signal)));
  await daemon.startContainer(container, keys);
  if (Config.Tty) undo.use(followSize(io, (size) => daemon.resizeContainer(container, size)));
  const how = await converse(attached, { io, tty: Config.Tty, stdin, ...keys });
  return how === "detached" ? 0 : (await ended).StatusCode;
}

export const command = define({
  summary: "Start one or more containers that do not run",
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  flags: {
    attach: { kind: "yes", short: "a", help: "Show its output and wait for its end" },
    interactive: { kind: "yes", short: "i", help: "Send it standard input too" },
    "detach-keys": { kind: "text", value: "KEYS", help: "Keys that leave it running (ctrl-p,ctrl-q)" },
    "sig-proxy": { kind: "yes", preset: true, help: "Pass signals on to the container" },
    checkpoint: { kind: "text", value: "NAME", help: "Go on from a checkpoint" },
    "checkpoint-dir": { kind: "text", help: "", absent: "checkpoints lie with the daemon" },
  },
  words: { least: 1, most: any },
  examples: [
    ["start web db", "In the background"],
    ["start -ai shell", "With this terminal"],
  ],
  run: async ({ flags, words, daemon: open, ...io }) => {
    const [container = ""] = words;
    if ((flags.attach || flags.interactive) && words.length > 1)
      throw invalid("cannot start several containers and attach: wanted one");
    const daemon = await open();
    if (!flags.attach && !flags.interactive)
      return forEach(io, words, {
        verb: async (word) => {
          await daemon.startContainer(word, given("checkpoint", flags.checkpoint));
          await io.out.write(`${word}\n`);
        },
      });
    try {
      return await startAttached(daemon, container, {
        io,
        interactive: flags.interactive,
        sigProxy: flags["sig-proxy"],
        detachKeys: flags["detach-keys"],
      });
    } catch (error) {
      if (io.signal.aborted) throw error;
      await io.err.write(`${errorLine(SampanError.from(error).message)}\n`);
      const status = startStatus(error);
      return status === 125 ? 1 : status;
    }
  },
});
