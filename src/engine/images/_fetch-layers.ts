/** The layers of one image, several at once, each blob once; who unpacks them may begin while they come. */
import type { Digest } from "../../spec/image/digest.ts";
import type { Descriptor } from "../../spec/image/types.ts";
import type { Engine } from "../engine.ts";
import type { Repository } from "../registry/registry.ts";
import { download } from "./_download.ts";
import type { GrowingFile } from "./_growing.ts";
import type { OnProgress } from "./images.ts";
import { Slots } from "./_slots.ts";

export interface FetchWork {
  readonly repository: Repository;
  readonly layers: readonly Descriptor[];
  readonly signal: AbortSignal;
  readonly onProgress?: OnProgress;
}

export interface LayerSource {
  file(): Promise<GrowingFile | string>;
  whole(): Promise<string>;
  fetched(): Promise<unknown>;
  onUnpacked(): void;
}

export interface FetchedLayers {
  /** All blobs are published or finished. */
  readonly done: Promise<void>;
  /** None is under way any more, however it ended. */
  readonly settled: Promise<unknown>;
  sourceOf(descriptor: Descriptor): LayerSource;
  /** Whether a file was begun anew, so that a follower may have read wrong bytes. */
  restarted(): Promise<boolean>;
}

/** So many bytes between two events. */
const stride = 256 << 10;

export function fetchLayers(engine: Pick<Engine, "content" | "settings">, work: FetchWork): FetchedLayers {
  const slots = new Slots(engine.settings.parallelDownloads);
  const fetches = new Map<Digest, Fetch>();
  for (const descriptor of work.layers) {
    if (fetches.has(descriptor.digest)) continue;
    fetches.set(descriptor.digest, begin(engine, work, slots, descriptor));
  }
  return {
    done: Promise.all([...fetches.values()].map(({ done }) => done)).then(() => undefined),
    settled: Promise.allSettled([...fetches.values()].map(({ done }) => done)),
    sourceOf: (descriptor) => {
      const fetch = fetches.get(descriptor.digest);
      if (!fetch) throw new TypeError("a layer that is not of this image");
      return sourceOf(engine, descriptor, fetch);
    },
    restarted: async () => {
      const files = await Promise.all([...fetches.values()].map(({ file }) => file));
      return files.some((file) => file !== undefined && file.restarts > 0);
    },
  };
}

type Step = "waiting" | "downloading" | "unpacking" | "exists" | "done";

interface Fetch {
  readonly done: Promise<"present" | "fetched">;
  /** Undefined when no file of this fetch ever grew: the blob was there. */
  readonly file: Promise<GrowingFile | undefined>;
  /** Layers that asked for it and are not yet unpacked. */
  unpacking: number;
  followed: boolean;
  report(step: Step, done: number): void;
}

function begin(
  engine: Pick<Engine, "content">,
  work: FetchWork,
  slots: Slots,
  descriptor: Descriptor,
): Fetch {
  const { digest, size } = descriptor;
  const report = (step: Step, bytes: number) =>
    work.onProgress?.({ kind: "layer", digest, step, done: bytes, total: size });
  const growing = Promise.withResolvers<GrowingFile | undefined>();
  let next = 0;
  // What is here is told of once, as being here.
  if (!engine.content.stat(digest)) report("waiting", 0);
  const done = slots.run(() => {
    work.signal.throwIfAborted();
    return download({
      content: engine.content,
      repository: work.repository,
      descriptor,
      signal: work.signal,
      onFile: growing.resolve,
      onProgress: (bytes) => {
        if (bytes < next && bytes < size) return;
        next = bytes + stride;
        report("downloading", bytes);
      },
    });
  });
  const fetch: Fetch = { done, file: growing.promise, unpacking: 0, followed: false, report };
  done.then(
    (how) => {
      growing.resolve(undefined);
      const finished = how === "present" ? "exists" : "done";
      report(fetch.unpacking > 0 ? "unpacking" : finished, size);
    },
    (error: unknown) => growing.reject(error),
  );
  // Where the chain is committed nobody asks for the file.
  growing.promise.catch(() => undefined);
  return fetch;
}

function sourceOf(engine: Pick<Engine, "content">, descriptor: Descriptor, fetch: Fetch): LayerSource {
  const { digest, size } = descriptor;
  const whole = async () => {
    await fetch.done;
    // Finished by another process perhaps, and not yet published: only what is published has a path that stays.
    if (!engine.content.stat(digest)) await engine.content.publish([digest]);
    return engine.content.open(digest);
  };
  return {
    file: async () => {
      fetch.unpacking += 1;
      const file = await fetch.file;
      // One follower a file; a layer that stands twice in the image is read again when it is whole.
      if (!file || file.ended || fetch.followed) return whole();
      fetch.followed = true;
      return file;
    },
    whole,
    fetched: () => fetch.done,
    onUnpacked: () => {
      fetch.unpacking -= 1;
      if (fetch.unpacking === 0) fetch.report("done", size);
    },
  };
}
