/** Whether folders of the host answer: a file system whose server hangs must not hang the engine, which looks at them with plain calls afterwards. */
import { spawn } from "node:child_process";
import { stat } from "node:fs/promises";
import { SampanError } from "../../base/errors.ts";
import type { CreateBody } from "../../spec/docker/create.ts";
import { within } from "./deadline.ts";
import { lookWord } from "./look-worker.ts";
import { hostConfig } from "./request.ts";
import { isServed } from "./served.ts";

/** Milliseconds. */
const patience = 10_000;

/** What helper processes are started with: Unpacker.command. */
export type HelperCommand = readonly string[] | undefined;

/**
 * What is not there has answered too. Errors: `deadline_exceeded`.
 *
 * What another serves is looked at in a process of its own: a call that never returns would keep its thread for ever, and the pool has no more threads
 * than the machine has cores. Two such places would stop all that the engine reads and writes.
 */
export async function answers(path: string, command: HelperCommand): Promise<void> {
  const helper = command && isServed(path) ? command : undefined;
  await within(patience, `look at "${path.slice(0, 150)}"`, async (signal) => {
    if (helper) await lookApart(helper, path, signal);
    else await stat(path).catch(() => undefined);
  });
}

async function lookApart(command: readonly string[], path: string, signal: AbortSignal): Promise<void> {
  const [program = "", ...args] = command;
  const child = spawn(program, [...args, lookWord, path], { stdio: "ignore" });
  const kill = () => {
    child.kill("SIGKILL");
    // Held up by the place, it may live on until that answers.
    child.unref();
  };
  signal.addEventListener("abort", kill, { once: true });
  const how = await new Promise<string>((resolve) => {
    child.on("error", (error) => resolve(error.message));
    child.on("exit", (status, name) => resolve(name ?? `${status}`));
  });
  signal.removeEventListener("abort", kill);
  if (how !== "0" && !signal.aborted)
    throw new SampanError("unavailable", `cannot look at "${path}": the helper process has died: ${how}`);
}

/** What is looked at when a container is made and when it starts: folders that --mount names, and devices. */
export async function sourcesAnswer(body: CreateBody, command: HelperCommand): Promise<void> {
  const { Mounts, Devices } = hostConfig(body);
  const binds = (Mounts ?? []).flatMap(({ Type, Source }) => (Type === "bind" && Source ? [Source] : []));
  const devices = (Devices ?? []).flatMap(({ PathOnHost }) => PathOnHost || []);
  for (const path of [...binds, ...devices]) if (path.startsWith("/")) await answers(path, command);
}
