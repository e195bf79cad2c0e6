/** Getting hold of the one file that a blob grows in: by its lock, by what another left of it, by what another finished meanwhile. */
import type { FileHandle } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import { SampanError } from "../../base/errors.ts";
import { lockFile } from "../../kernel/libc.ts";
import type { Digest } from "../../spec/image/digest.ts";
import type { Store } from "../store/store.ts";
import type { Ingest } from "./content.ts";
import { hasDigest, isFinished, modes, openIngest, regular, removeFile } from "./_files.ts";
import { IngestFile } from "./_ingest-file.ts";
import { isPublished } from "./_rows.ts";
import { ingestPath } from "./paths.ts";

/** Ingests of this process, so that waiting for one of them needs no polling. */
export type Running = Map<Digest, Promise<void>>;

export interface Expected {
  readonly digest: Digest;
  readonly size?: number;
}

/** Milliseconds: between looks at a lock that another process holds, and until one that holds it without writing is given up. */
const patience = { first: 10, most: 200, stalled: 15 * 60_000 };

export async function beginIngest(
  store: Store,
  running: Running,
  expected: Expected,
  signal?: AbortSignal,
): Promise<Ingest | "present"> {
  const path = ingestPath(store.root, expected.digest);
  const watch = { size: -1, since: performance.now(), pause: patience.first };
  let waited = false;
  for (;;) {
    if (signal?.aborted) throw cancelled(expected.digest);
    if (isPublished(store, expected.digest)) return "present";
    const handle = await openIngest(path);
    let kept = false;
    try {
      const stats = await handle.stat();
      if (lockFile(handle.fd, false)) {
        // Between opening and locking, the one before may have published or removed it.
        if ((await regular(path))?.ino !== stats.ino) continue;
        const taken = await takeOver(store, expected, { path, handle, waited });
        if (taken === "present" || taken === "again") {
          if (taken === "present") return taken;
          continue;
        }
        kept = true;
        return hold(running, expected.digest, taken);
      }
      if (isFinished(stats)) return "present";
      if (stats.size !== watch.size) Object.assign(watch, { size: stats.size, since: performance.now() });
      if (performance.now() - watch.since > patience.stalled) throw stalled(expected.digest);
    } finally {
      if (!kept) await handle.close();
    }
    waited = true;
    await turn(running.get(expected.digest), watch.pause, signal);
    watch.pause = Math.min(patience.most, watch.pause * 2);
  }
}

/** With the lock held: what is there already is a whole blob, a beginning, or nothing. */
async function takeOver(
  store: Store,
  expected: Expected,
  file: { path: string; handle: FileHandle; waited: boolean },
): Promise<IngestFile | "present" | "again"> {
  const { digest } = expected;
  if (isPublished(store, digest)) {
    await removeFile(file.path);
    return "present";
  }
  const stats = await file.handle.stat();
  if (isFinished(stats)) {
    // Who waited saw it grow; what an earlier process left is looked at first.
    if (file.waited || (await hasDigest(file.handle, digest, expected.size))) return "present";
    await removeFile(file.path);
    return "again";
  }
  if ((stats.mode & 0o777) !== modes.growing) await file.handle.chmod(modes.growing);
  const ingest = new IngestFile(store, expected, file);
  await ingest.resume();
  return ingest;
}

function hold(running: Running, digest: Digest, ingest: IngestFile): Ingest {
  const done = Promise.withResolvers<void>();
  running.set(digest, done.promise);
  ingest.onClose = () => {
    if (running.get(digest) === done.promise) running.delete(digest);
    done.resolve();
  };
  return ingest;
}

/** Until the ingest of this process ended, or a moment when another process has it. */
async function turn(
  mine: Promise<void> | undefined,
  ms: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const stop = new AbortController();
  const either = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal;
  const timer = pause(mine ? patience.most : ms, undefined, { signal: either }).catch(() => {});
  await (mine ? Promise.race([mine, timer]) : timer);
  stop.abort();
}

function cancelled(digest: Digest): SampanError {
  return new SampanError("cancelled", `cannot wait for blob "${digest}": cancelled`);
}

function stalled(digest: Digest): SampanError {
  return new SampanError(
    "deadline_exceeded",
    `cannot write blob "${digest}": another process has begun it and wrote nothing for 15 minutes`,
  );
}
