/** Looks after the health of a container: one probe at a time, each an exec that is killed when it takes too long. */
import { pause } from "../../base/pause.ts";
import { SampanError } from "../../base/errors.ts";
import type { Attachment } from "../../runtime/runtime.ts";
import { within } from "./deadline.ts";
import { createExec, startExec } from "./exec.ts";
import {
  healthAfter,
  healthCheckOf,
  mostOutput,
  probeDelay,
  unknownHealth,
  type HealthCheck,
  type Probe,
} from "./health.ts";
import { writeHealth } from "./life-rows.ts";
import { emit, findContainer, type LifeParts } from "./parts.ts";
import { SIGKILL } from "./signals.ts";
import type { Task } from "./task-table.ts";

/** Until the container ends or this process no longer supervises. */
export async function watchHealth(
  engine: LifeParts,
  id: string,
  task: Task,
  signal: AbortSignal,
): Promise<void> {
  const info = findContainer(engine, id);
  const check = info && healthCheckOf(info.body, info.imageConfig);
  if (!check) return;
  const over = AbortSignal.any([task.over, signal]);
  for (;;) {
    const health = findContainer(engine, id)?.health ?? unknownHealth;
    const delay = probeDelay(check, health, Date.now() - task.started.getTime());
    if (!(await pause(delay, over))) return;
    // A paused one cannot answer, and that is no illness.
    if (findContainer(engine, id)?.state !== "running") continue;
    const probe = await runProbe(engine, id, check, over);
    if (over.aborted) return;
    note(engine, id, { probe, check, started: task.started });
  }
}

function note(
  engine: LifeParts,
  id: string,
  { probe, check, started }: { readonly probe: Probe; readonly check: HealthCheck; readonly started: Date },
): void {
  const info = findContainer(engine, id);
  if (info?.state !== "running") return;
  const before = info.health ?? unknownHealth;
  const after = healthAfter(before, probe, check, started);
  writeHealth(engine.store, id, after);
  if (after.status !== before.status) emit(engine, info, `health_status: ${after.status}`);
}

/** Never fails: a probe that cannot be started has failed, and says why. */
async function runProbe(
  engine: LifeParts,
  id: string,
  check: HealthCheck,
  over: AbortSignal,
): Promise<Probe> {
  const start = new Date();
  const ends = AbortSignal.any([AbortSignal.timeout(check.timeout), over]);
  const probe = (exitCode: number, output: string): Probe => ({
    start,
    end: new Date(),
    exitCode,
    output: output.slice(0, mostOutput),
  });
  try {
    const exec = await createExec(engine, id, { Cmd: check.command, AttachStdout: true, AttachStderr: true });
    const attachment = await startExec(engine, exec, { detach: false, signal: ends });
    const output = attachment ? await readOutput(attachment, ends) : "";
    const record = engine.tasks.table.execs.find(exec);
    if (!ends.aborted && record)
      return probe(await within(check.timeout, "end a probe", () => record.done.promise), output);
    await record?.connection?.signal(SIGKILL);
    return probe(-1, `${tooLate(check)}${output && `: ${output}`}`);
  } catch (error) {
    return probe(-1, ends.aborted ? tooLate(check) : SampanError.from(error).message);
  }
}

/** In dockerd's words. */
function tooLate({ timeout }: HealthCheck): string {
  return `Health check exceeded timeout (${timeout / 1000}s)`;
}

const header = 8;

/** What it says, to its end or the signal's: the beginning is kept, the rest is taken from it so that it is not held up. */
async function readOutput(attachment: Attachment, ends: AbortSignal): Promise<string> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  const reader = attachment.output.getReader();
  const stop = () => void reader.cancel().catch(() => undefined);
  ends.addEventListener("abort", stop, { once: true });
  try {
    for (let next = await reader.read(); !next.done && !ends.aborted; next = await reader.read()) {
      if (length < most) pieces.push(next.value.slice(0, most - length));
      length += next.value.length;
    }
  } finally {
    ends.removeEventListener("abort", stop);
    await attachment[Symbol.asyncDispose]();
  }
  return withoutFrames(Buffer.concat(pieces)).toString("utf8");
}

/** Bytes: frames may be small. */
const most = 2 * mostOutput;

function withoutFrames(bytes: Buffer): Buffer {
  const pieces: Buffer[] = [];
  for (let at = 0; at + header <= bytes.length;) {
    const length = bytes.readUInt32BE(at + 4);
    pieces.push(bytes.subarray(at + header, at + header + length));
    at += header + length;
  }
  return Buffer.concat(pieces).subarray(0, mostOutput);
}
