/** `sampan attach`. */
import { SampanError } from "../../base/errors.ts";
import { converse } from "../attached/converse.ts";
import { followSize, passSignals } from "../attached/terminal.ts";
import { define } from "../command.ts";
import { given } from "../flags/shared.ts";

/** What a container must not be, and what to do about it. */
const refusals = [
  ["Restarting", "it restarts; wait until it runs"],
  ["Paused", "it is paused; unpause it first"],
] as const;

export const command = define({
  summary: "Join the input and output of a running container",
  usage: "[OPTIONS] CONTAINER",
  flags: {
    "detach-keys": { kind: "text", value: "KEYS", help: "Keys that leave it running (ctrl-p,ctrl-q)" },
    "no-stdin": { kind: "yes", help: "Send nothing" },
    "sig-proxy": { kind: "yes", preset: true, help: "Pass signals on to the container" },
  },
  words: { least: 1, most: 1 },
  examples: [["attach shell", "Until it ends, or ctrl-p ctrl-q"]],
  run: async ({ flags, words: [container = ""], daemon: open, ...io }) => {
    const daemon = await open();
    const { Config, State } = await daemon.inspectContainer(container);
    const refuse = (why: string) =>
      new SampanError("failed_precondition", `cannot attach to "${container}": ${why}`);
    if (!State.Running) throw refuse("it does not run; start it first");
    const flagged = refusals.find(([name]) => (State as Readonly<Record<string, unknown>>)[name] === true);
    if (flagged) throw refuse(flagged[1]);
    const stdin = Config.OpenStdin && !flags["no-stdin"];
    if (Config.Tty && stdin && !io.input.terminal)
      throw refuse("it has a terminal, and standard input is none; use --no-stdin");
    using undo = new DisposableStack();
    const { ended } = await daemon.waitContainer(container, { condition: "not-running" });
    ended.catch(() => {});
    const keys = given("detachKeys", flags["detach-keys"]);
    const attached = await daemon.attachContainer(container, {
      stdin,
      stdout: true,
      stderr: true,
      signal: io.signal,
      ...keys,
    });
    if (flags["sig-proxy"]) undo.use(passSignals(io, (signal) => daemon.killContainer(container, signal)));
    if (Config.Tty) {
      // A program draws its screen again when its size changes: a line more, then the right one.
      const size = io.out.size();
      if (size) await daemon.resizeContainer(container, { ...size, rows: size.rows + 1 }).catch(() => {});
      undo.use(followSize(io, (now) => daemon.resizeContainer(container, now)));
    }
    const how = await converse(attached, { io, tty: Config.Tty, stdin, ...keys });
    return how === "detached" ? 0 : (await ended).StatusCode;
  },
});
