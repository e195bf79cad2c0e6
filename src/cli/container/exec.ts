/** `sampan exec`. */
import { SampanError } from "../../base/errors.ts";
import { converse } from "../attached/converse.ts";
import { startStatus } from "../attached/status.ts";
import { followSize } from "../attached/terminal.ts";
import type { DaemonClient } from "../client/daemon.ts";
import { any, define } from "../command.ts";
import { errorLine } from "../error-line.ts";
import { given } from "../flags/shared.ts";
import type { Io } from "../io.ts";
import type { ExecBody } from "../../spec/docker/exec.ts";
import { variables } from "./create/key-values.ts";

async function attached(
  daemon: DaemonClient,
  exec: string,
  { body, io }: { body: ExecBody; io: Io },
): Promise<number> {
  const tty = body.Tty ?? false;
  const size = tty ? io.out.size() : undefined;
  const conversation = await daemon.startExec(exec, {
    tty,
    signal: io.signal,
    ...(size ? { size: [size.rows, size.columns] as const } : {}),
  });
  using _size = tty ? followSize(io, (now) => daemon.resizeExec(exec, now)) : undefined;
  const how = await converse(conversation, {
    io,
    tty,
    stdin: body.AttachStdin ?? false,
    ...given("detachKeys", body.DetachKeys),
  });
  if (how === "detached") return 0;
  return (await daemon.inspectExec(exec)).ExitCode ?? 0;
}

export const command = define({
  summary: "Run a program in a running container",
  usage: "[OPTIONS] CONTAINER COMMAND [ARG...]",
  flags: {
    detach: { kind: "yes", short: "d", help: "In the background" },
    "detach-keys": { kind: "text", value: "KEYS", help: "Keys that leave it running (ctrl-p,ctrl-q)" },
    env: { kind: "list", short: "e", value: "NAME[=VALUE]", help: "Set a variable, or pass this process's" },
    "env-file": { kind: "list", value: "FILE", help: "Variables from a file, one a line" },
    interactive: { kind: "yes", short: "i", help: "Send it standard input" },
    privileged: { kind: "yes", help: "All rights on the host" },
    tty: { kind: "yes", short: "t", help: "Give it a terminal" },
    user: { kind: "text", short: "u", value: "USER[:GROUP]", help: "Name or number" },
    workdir: { kind: "text", short: "w", value: "DIR", help: "Working directory" },
  },
  words: { least: 2, most: any },
  flagsFirst: true,
  more: "Exits with the program's status; 126 when the program is none, 127 when it is not there.",
  examples: [
    ["exec -it web sh", "A shell beside its program"],
    ["exec -u root -w /etc web cat hosts", "As another user, in another folder"],
  ],
  run: async ({ flags, words: [container = "", ...program], daemon: open, ...io }) => {
    if (flags.tty && flags.interactive && !flags.detach && !io.input.terminal)
      throw new SampanError(
        "failed_precondition",
        "cannot use -t with -i: the input device is not a terminal",
      );
    const env = await variables(flags["env-file"], flags.env, io.env);
    const shown = !flags.detach;
    const body: ExecBody = {
      Cmd: program,
      Tty: flags.tty,
      Privileged: flags.privileged,
      AttachStdin: flags.interactive && shown,
      AttachStdout: shown,
      AttachStderr: shown,
      ...(env.length > 0 ? { Env: env } : {}),
      ...given("User", flags.user),
      ...given("WorkingDir", flags.workdir),
      ...given("DetachKeys", flags["detach-keys"]),
    };
    const daemon = await open();
    try {
      const exec = await daemon.createExec(container, body);
      if (shown) return await attached(daemon, exec, { body, io });
      await daemon.startExecDetached(exec, { tty: flags.tty });
      return 0;
    } catch (error) {
      if (io.signal.aborted) throw error;
      await io.err.write(`${errorLine(SampanError.from(error).message)}\n`);
      const status = startStatus(error);
      return status === 125 ? 1 : status;
    }
  },
});
