/** `sampan run`: in the foreground, with this process's standard input and output. */
import { readFile } from "node:fs/promises";
import { invalid, SampanError } from "../../base/errors.ts";
import type { RunRequest } from "../../spec/docker/containers.ts";
import { any, define } from "../command.ts";
import type { Flags } from "../flags/flags.ts";
import { given } from "../flags/shared.ts";
import { showProgress } from "../progress/progress.ts";
import { printable } from "../text/identifier.ts";
import { runFlags } from "./_run-flags.ts";

type Env = Readonly<Record<string, string | undefined>>;

/** Lines of an --env-file or --label-file: `#` begins a comment. */
async function linesOf(paths: readonly string[]): Promise<string[]> {
  const texts = await Promise.all(
    paths.map((path) =>
      readFile(path, "utf8").catch((error: Error) => {
        throw new SampanError("not_found", `cannot read "${path}": ${error.message}`, { cause: error });
      }),
    ),
  );
  return texts
    .flatMap((text) => text.replace(/^\ufeff/, "").split(/\r?\n/))
    .map((line) => line.trimStart())
    .filter((line) => line !== "" && !line.startsWith("#"));
}

/** `NAME` alone passes this process's variable on, if there is one. */
export function variables(entries: readonly string[], env: Env): string[] {
  return entries.flatMap((entry) => {
    const name = entry.split("=", 1)[0] ?? "";
    if (name === "" || /\s/.test(name))
      throw invalid(`cannot set variable "${entry}": wanted NAME or NAME=VALUE`);
    if (entry.includes("=")) return [entry];
    const value = env[name];
    return value === undefined ? [] : [`${name}=${value}`];
  });
}

export function labelsOf(entries: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    entries.map((entry) => {
      const at = entry.indexOf("=");
      const key = at < 0 ? entry : entry.slice(0, at);
      if (key === "") throw invalid(`cannot set label "${entry}": wanted KEY or KEY=VALUE`);
      return [key, at < 0 ? "" : entry.slice(at + 1)];
    }),
  );
}

async function request(
  flags: Flags<typeof runFlags>,
  [image = "", ...command]: readonly string[],
  env: Env,
): Promise<RunRequest> {
  return {
    image,
    command,
    env: variables([...(await linesOf(flags["env-file"])), ...flags.env], env),
    labels: labelsOf([...(await linesOf(flags["label-file"])), ...flags.label]),
    terminal: flags.tty,
    interactive: flags.interactive,
    readonly: flags["read-only"],
    remove: flags.rm,
    network: flags.network ?? "none",
    volumes: flags.volume,
    pull: flags.pull ?? "missing",
    privileged: flags.privileged,
    capAdd: flags["cap-add"],
    capDrop: flags["cap-drop"],
    ...given("name", flags.name),
    ...given("user", flags.user),
    ...given("workdir", flags.workdir),
    ...given("entrypoint", flags.entrypoint === undefined ? undefined : entrypoint(flags.entrypoint)),
    ...given("hostname", flags.hostname),
    ...given("platform", flags.platform),
    ...given("memory", flags.memory),
    ...given("cpus", flags.cpus),
    ...given("pidsLimit", flags["pids-limit"]),
    ...given("userns", flags.userns),
    ...given("runtime", flags.runtime),
  };
}

/** An empty one takes the image's away. */
function entrypoint(text: string): string[] {
  return text === "" ? [] : [text];
}

export const command = define({
  summary: "Run a program in a new container of an image",
  usage: "[OPTIONS] IMAGE [COMMAND] [ARG...]",
  flags: runFlags,
  words: { least: 1, most: any },
  flagsFirst: true,
  failure: 125,
  more: "Exits with the program's status; 125 when the container could not be run, 126 when the program is none, 127 when it is not there.",
  examples: [
    ["run --rm alpine echo hello", "One command"],
    ["run --rm -it alpine sh", "A shell on this terminal"],
    ["run --rm -v /etc:/host:ro -e DEBUG=1 -m 256m alpine ls /host", "With a folder, a variable and a limit"],
  ],
  run: async ({ flags, words, client, ...io }) => {
    if (flags.tty && flags.interactive && !io.input.terminal)
      throw new SampanError(
        "failed_precondition",
        "cannot use -t with -i: the input device is not a terminal",
      );
    const asked = await request(flags, words, io.env);
    const engine = await client();
    await using progress = showProgress(io, { quiet: flags.quiet, to: io.err });
    if (!engine.run) throw new SampanError("internal", "cannot run: the engine is not in this process");
    return await engine.run(asked, {
      signal: io.signal,
      onStep: progress.onStep,
      onStart: async () => {
        // The bars must be off the screen before the program writes to it.
        await progress[Symbol.asyncDispose]();
        io.handOver();
      },
      onFailure: (message) => io.err.write(`Error: ${printable(message).replaceAll("\n", " ")}\n`),
    });
  },
});
