/**
 * One blob from a registry into content: begun or resumed, taken up again by range where the transfer was cut, verified at its end. A resumed beginning
 * that turns out wrong is thrown away once; bytes that came in one piece and are wrong are the registry's fault.
 */
import { SampanError } from "../../base/errors.ts";
import type { Descriptor } from "../../spec/image/types.ts";
import type { Content, Ingest } from "../content/content.ts";
import type { Repository } from "../registry/registry.ts";
import { GrowingFile } from "./_growing.ts";

/** In a row without a byte; with each byte that came the count begins anew. */
const mostFailures = 5;
const transient: ReadonlySet<string> = new Set(["unavailable", "unknown", "deadline_exceeded"]);

export interface Download {
  readonly content: Content;
  readonly repository: Repository;
  readonly descriptor: Descriptor;
  readonly signal: AbortSignal;
  /** The file is there and grows; called once, before the first byte is asked for. */
  onFile?(file: GrowingFile): void;
  onProgress?(done: number): void;
}

/** `present`: it was here, or another brought it while this waited. */
export async function download(task: Download): Promise<"present" | "fetched"> {
  try {
    return await fetchWhole(task);
  } catch (error) {
    if (SampanError.from(error).code === "resource_exhausted") await discard(task).catch(() => undefined);
    throw error;
  }
}

/** A part that fills the disk is in everybody's way: not even the database could write down that it was given up. */
async function discard({ content, descriptor, signal }: Download): Promise<void> {
  const ingest = await content.ingest({ digest: descriptor.digest, size: descriptor.size }, signal);
  if (ingest === "present") return;
  await using open = ingest;
  await open.restart();
}

async function fetchWhole(task: Download): Promise<"present" | "fetched"> {
  const { content, descriptor, signal } = task;
  const ingest = await content.ingest({ digest: descriptor.digest, size: descriptor.size }, signal);
  if (ingest === "present") return "present";
  await using open = ingest;
  const file = new GrowingFile(open.path, open.written);
  task.onFile?.(file);
  // A beginning may be all of it: full length and not finished, as a power cut leaves it.
  let pieces = open.written > 0 ? 2 : 0;
  for (let again = false; ; again = true) {
    pieces += await transfer(task, open, file);
    try {
      await open.finish();
      file.end();
      return "fetched";
    } catch (error) {
      if (again || pieces <= 1 || SampanError.from(error).code !== "data_loss") throw error;
    }
    await startOver(open, file);
    pieces = 0;
  }
}

/** Until all bytes are there. Gives how many transfers it took. */
async function transfer(task: Download, ingest: Ingest, file: GrowingFile): Promise<number> {
  const { descriptor, signal } = task;
  let transfers = 0;
  for (let failures = 0; ingest.written < descriptor.size || descriptor.size === 0;) {
    const before = ingest.written;
    transfers += 1;
    try {
      await piece(task, ingest, file);
      if (ingest.written >= descriptor.size) return transfers;
      throw new SampanError(
        "unavailable",
        `the transfer ended after ${ingest.written} of ${descriptor.size} bytes`,
      );
    } catch (error) {
      if (signal.aborted) throw cancelled(task.descriptor, error);
      failures = ingest.written > before ? 1 : failures + 1;
      const known = SampanError.from(error);
      if (!transient.has(known.code) || failures >= mostFailures)
        throw SampanError.wrap(
          `cannot fetch blob "${descriptor.digest}" of "${task.repository.name}"`,
          error,
        );
      await pause(task, failures);
    }
  }
  return transfers;
}

async function piece(task: Download, ingest: Ingest, file: GrowingFile): Promise<void> {
  const { repository, descriptor, signal } = task;
  const from = ingest.written;
  const answer = await repository.blob(descriptor, from, signal);
  const reader = answer.body.getReader();
  try {
    if (answer.offset !== from) {
      if (answer.offset !== 0)
        throw new SampanError(
          "data_loss",
          `the registry answered from byte ${answer.offset}, wanted from ${from}`,
        );
      await startOver(ingest, file);
    }
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      signal.throwIfAborted();
      await ingest.write(value);
      file.grew(ingest.written);
      task.onProgress?.(ingest.written);
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

async function startOver(ingest: Ingest, file: GrowingFile): Promise<void> {
  // Who unpacks lets go of the bytes before others take their place.
  await file.restart();
  await ingest.restart();
}

async function pause({ repository, signal, descriptor }: Download, failures: number): Promise<void> {
  try {
    await repository.pause(failures, signal);
  } catch (error) {
    throw cancelled(descriptor, error);
  }
}

function cancelled({ digest }: Descriptor, cause: unknown): SampanError {
  return new SampanError("cancelled", `cannot fetch blob "${digest}": it was cancelled`, { cause });
}
