/** Runs one plug-in: JSON on its standard input, what is asked in its environment, an answer that is bounded in time and length. */
import { randomUUID } from "node:crypto";
import { accessSync, constants, statSync } from "node:fs";
import { join } from "node:path";
import { SampanError } from "../../../base/errors.ts";
import { endsOf, gather } from "../../../base/gather.ts";
import { killThose } from "./_left.ts";

/** Bytes of an answer; a result has some hundreds. */
const mostOutput = 1 << 20;
/** Bytes of what it says on standard error that are kept. */
const mostSaid = 16_384;
/** Milliseconds that somebody whom the plug-in has left behind may keep its output open. */
const lingering = 1000;
const systemPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

export interface PluginCall {
  /** Absolute. */
  readonly path: string;
  /** CNI_COMMAND and those that go with it. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly input: string;
  /** Milliseconds. */
  readonly deadline: number;
  readonly signal?: AbortSignal | undefined;
}

export interface PluginAnswer {
  readonly status: number;
  readonly output: string;
  readonly said: string;
}

/** The first folder that has it counts. Errors: `failed_precondition`. */
export function findPlugin(type: string, folders: readonly string[]): string {
  const found = folders.map((folder) => join(folder, type)).find(isProgram);
  if (found !== undefined) return found;
  throw new SampanError("failed_precondition", `plug-in "${type}" is not in ${folders.join(" or ")}`);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** With all processes that it has started it is killed when its time is over. Errors: `deadline_exceeded`, `cancelled`, `resource_exhausted` for an endless answer. */
export async function runPlugin(call: PluginCall): Promise<PluginAnswer> {
  const { path, parameters, input, deadline, signal } = call;
  if (signal?.aborted) throw new SampanError("cancelled", "it was cancelled");
  const late = AbortSignal.timeout(deadline);
  const stop = signal ? AbortSignal.any([signal, late]) : late;
  const mark = { SAMPAN_CALL: randomUUID() };
  const child = Bun.spawn([path], {
    cwd: "/",
    env: { ...environment(parameters), ...mark },
    stdin: new TextEncoder().encode(input),
    stdout: "pipe",
    stderr: "pipe",
  });
  const kill = () => child.kill("SIGKILL");
  stop.addEventListener("abort", kill, { once: true });
  await using output = gather(child.stdout, mostOutput);
  await using said = gather(child.stderr, mostSaid);
  try {
    // What is too long is not waited for.
    void output.full.then(kill);
    const status = await child.exited;
    if (stop.aborted || output.isFull()) await killThose(`SAMPAN_CALL=${mark.SAMPAN_CALL}`);
    await endsOf([output, said], lingering);
    if (late.aborted)
      throw new SampanError("deadline_exceeded", `it has not ended after ${deadline / 1000} s`);
    if (stop.aborted) throw new SampanError("cancelled", "it was cancelled");
    if (output.isFull())
      throw new SampanError("resource_exhausted", `its answer is longer than ${mostOutput} bytes`);
    return { status, output: output.text(), said: said.text() };
  } finally {
    stop.removeEventListener("abort", kill);
  }
}

function environment(parameters: Readonly<Record<string, string>>): Record<string, string | undefined> {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith("CNI_"));
  const path = process.env["PATH"];
  return {
    ...Object.fromEntries(own),
    // Plug-ins call iptables, which is in no user's path.
    PATH: path ? `${path}:${systemPath}` : systemPath,
    ...parameters,
  };
}
