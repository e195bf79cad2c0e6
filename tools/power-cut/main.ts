/**
 * The power-cut harness for any program and any data root:
 *
 *     bun tools/power-cut/main.ts record --root DIR --log LOG [--other-boot] -- COMMAND…
 *     bun tools/power-cut/main.ts show   --log LOG
 *     bun tools/power-cut/main.ts replay --log LOG [--model posix|ext4] [--cuts N] [--choices N] [--seed N] [--failures N] [--scratch DIR] [--keep DIR] [--json] -- CHECK…
 *
 * CHECK gets the folder in place of each `{}`; and in the environment POWER_CUT_ROOT (the same), POWER_CUT_SAID (what COMMAND had written to its standard output by
 * then) and POWER_CUT_DONE (1 when it had ended). It ends with 0 when the folder is as it may be. README.md says more.
 */
import { mkdirSync, writeSync } from "node:fs";
import { parseArgs } from "node:util";
import type { Model } from "./crash.ts";
import { readRecording, record } from "./record.ts";
import { replay, words, type Look, type ReplayOptions } from "./replay.ts";

const options = {
  root: { type: "string" },
  log: { type: "string" },
  "other-boot": { type: "boolean" },
  model: { type: "string" },
  cuts: { type: "string" },
  choices: { type: "string" },
  seed: { type: "string" },
  failures: { type: "string" },
  scratch: { type: "string" },
  keep: { type: "string" },
  json: { type: "boolean" },
} as const;

async function main(args: readonly string[]): Promise<number> {
  const split = args.indexOf("--");
  const [own, command] = split < 0 ? [args, []] : [args.slice(0, split), args.slice(split + 1)];
  const { values, positionals } = parseArgs({ args: [...own], options, allowPositionals: true });
  const { log } = values;
  if (log === undefined) throw new Error("cannot begin: --log is missing");
  const verb = positionals[0];
  if (verb === "record") return await recordCommand(values, command);
  const recording = await readRecording(log);
  if (verb === "show") {
    for (const [index, { text }] of recording.operations.entries()) console.log(index, text);
    return 0;
  }
  if (verb !== "replay") throw new Error("cannot begin: say record, show or replay");
  if (command.length === 0) throw new Error("cannot replay: the check is missing");
  const report = await replay(recording, replayOptions(values, command));
  console.log(values.json ? JSON.stringify(report, undefined, 2) : words(report));
  return report.failures.length === 0 ? 0 : 1;
}

async function recordCommand(values: Values, command: readonly string[]): Promise<number> {
  const { root, log } = values;
  if (typeof root !== "string" || typeof log !== "string" || command.length === 0)
    throw new Error("cannot record: --root or the command is missing");
  mkdirSync(root, { recursive: true, mode: 0o700 });
  const made = await record({ root, log, command, otherBoot: values["other-boot"] === true });
  console.log(`${made.operations.length} operations`);
  return 0;
}

type Values = { readonly [Name in keyof typeof options]?: string | boolean | undefined };

function replayOptions(values: Values, command: readonly string[]): ReplayOptions {
  const text = (name: keyof Values) => (typeof values[name] === "string" ? values[name] : undefined);
  const count = (name: "cuts" | "choices" | "seed" | "failures") => {
    const value = text(name);
    if (value === undefined) return {};
    if (!/^\d+$/.test(value)) throw new Error(`cannot replay: --${name} is "${value}", not a number`);
    return { [name]: Number(value) };
  };
  const model = text("model");
  if (model !== undefined && model !== "posix" && model !== "ext4")
    throw new Error(`cannot replay: --model is "${model}", not posix or ext4`);
  const [scratch, keep] = [text("scratch"), text("keep")];
  if (keep !== undefined) mkdirSync(keep, { recursive: true });
  return {
    check: (look) => checkWith(command, look),
    ...count("cuts"),
    ...count("choices"),
    ...count("seed"),
    ...count("failures"),
    ...(model === undefined ? {} : { models: [model as Model] }),
    ...(scratch === undefined ? {} : { scratch }),
    ...(keep === undefined ? {} : { keep }),
    ...(process.stderr.isTTY
      ? { onProgress: (done, total) => void writeSync(2, `\r${done}/${total} `) }
      : {}),
  };
}

async function checkWith(
  command: readonly string[],
  { root, said, done }: Look,
): Promise<string | undefined> {
  const child = Bun.spawn(
    command.map((word) => word.replaceAll("{}", root)),
    {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
      env: { ...process.env, POWER_CUT_ROOT: root, POWER_CUT_SAID: said, POWER_CUT_DONE: done ? "1" : "0" },
    },
  );
  const [out, err, status] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return status === 0 ? undefined : `the check ended with status ${status}\n${out}${err}`.trimEnd();
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 2;
}
