/** `sampan run`: made, attached to, started, and waited for. */
import { SampanError } from "../../base/errors.ts";
import type { CreateBody } from "../../spec/docker/create.ts";
import { converse } from "../attached/converse.ts";
import { startStatus } from "../attached/status.ts";
import { followSize, passSignals } from "../attached/terminal.ts";
import type { DaemonClient } from "../client/daemon.ts";
import { any, define } from "../command.ts";
import { errorLine } from "../error-line.ts";
import { given } from "../flags/shared.ts";
import type { Io } from "../io.ts";
import { createBody } from "./create/body.ts";
import { createFlags } from "./create/flags.ts";
import { makeContainer } from "./create/make.ts";

interface Way {
  readonly body: CreateBody;
  readonly io: Io;
  readonly sigProxy: boolean;
  readonly detachKeys: string | undefined;
}

/** Nothing is lost between two steps: attached and waited for before it starts. */
async function foreground(daemon: DaemonClient, id: string, way: Way): Promise<number> {
  const { body, io } = way;
  const { Tty: tty = false, AttachStdin = false, AttachStdout = false, AttachStderr = false } = body;
  const remove = body.HostConfig?.AutoRemove ?? false;
  const waiting = daemon.waitContainer(id, { condition: remove ? "removed" : "next-exit" });
  waiting.catch(() => {});
  const attached = await daemon.attachContainer(id, {
    stdin: AttachStdin,
    stdout: AttachStdout,
    stderr: AttachStderr,
    signal: io.signal,
    ...given("detachKeys", way.detachKeys),
  });
  using undo = new DisposableStack();
  undo.defer(() => attached.stream.destroy());
  const { ended } = await waiting;
  ended.catch(() => {});
  // From here on Ctrl-C is the program's.
  if (way.sigProxy) undo.use(passSignals(io, (signal) => daemon.killContainer(id, signal)));
  await daemon.startContainer(id, given("detachKeys", way.detachKeys));
  if (tty) undo.use(followSize(io, (size) => daemon.resizeContainer(id, size)));
  const how = await converse(attached, {
    io,
    tty,
    stdin: AttachStdin,
    ...given("detachKeys", way.detachKeys),
  });
  if (how === "detached") return 0;
  const { StatusCode, Error: failure } = await ended;
  if (failure?.Message) throw new SampanError("unknown", failure.Message);
  return StatusCode;
}

export const command = define({
  summary: "Run a program in a new container of an image",
  usage: "[OPTIONS] IMAGE [COMMAND] [ARG...]",
  flags: {
    ...createFlags,
    detach: { kind: "yes", short: "d", help: "In the background: print the id and return" },
    "detach-keys": { kind: "text", value: "KEYS", help: "Keys that leave it running (ctrl-p,ctrl-q)" },
    "sig-proxy": { kind: "yes", preset: true, help: "Pass signals on to the container" },
  },
  words: { least: 1, most: any },
  flagsFirst: true,
  failure: 125,
  more: "Exits with the program's status; 125 when the container could not be run, 126 when the program is none, 127 when it is not there.",
  examples: [
    ["run --rm alpine echo hello", "One command"],
    ["run --rm -it alpine sh", "A shell on this terminal"],
    ["run -d --name web -p 8080:80 --restart unless-stopped nginx", "A service"],
    ["run --rm -v /etc:/host:ro -e DEBUG=1 -m 256m alpine ls /host", "With a folder, a variable and a limit"],
  ],
  run: async ({ flags, words, daemon: open, ...io }) => {
    const { detach } = flags;
    const body = await createBody(flags, words, { env: io.env, cwd: process.cwd(), detached: detach });
    if (body.Tty && body.AttachStdin && !io.input.terminal)
      throw new SampanError(
        "failed_precondition",
        "cannot use -t with -i: the input device is not a terminal",
      );
    const daemon = await open();
    const id = await makeContainer(daemon, body, { flags, io });
    try {
      if (detach) {
        await daemon.startContainer(id);
        await io.out.write(`${id}\n`);
        return 0;
      }
      const attaches = body.AttachStdin || body.AttachStdout || body.AttachStderr;
      if (!attaches) await io.out.write(`${id}\n`);
      return await foreground(daemon, id, {
        body,
        io,
        sigProxy: flags["sig-proxy"],
        detachKeys: flags["detach-keys"],
      });
    } catch (error) {
      if (io.signal.aborted) throw error;
      await io.err.write(`${errorLine(SampanError.from(error).message)}\n`);
      return startStatus(error);
    }
  },
});
