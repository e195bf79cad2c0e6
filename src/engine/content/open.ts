/** Content as files and rows: see content.ts for what is promised. */
import { SampanError } from "../../base/errors.ts";
import { digestOf, parseDigest, type Digest } from "../../spec/image/digest.ts";
import { fileError } from "../store/errors.ts";
import type { Durability, Store } from "../store/store.ts";
import type { Content } from "./content.ts";
import { hasDigest, openReading, regular } from "./_files.ts";
import { beginIngest, type Expected, type Running } from "./_ingest.ts";
import { abandon, beginUnknown } from "./_ingest-unknown.ts";
import { makeFolders, publish, type Publishing } from "./_publish.ts";
import { infoOf, markVerified, rowOf, type BlobRow } from "./_rows.ts";
import { blobPath } from "./paths.ts";
import { errnoOf } from "../../kernel/errno.ts";

/** Bytes of a document that is read whole. */
const documentLimit = 16 << 20;

export function openContent(store: Store, durability: Durability): Content {
  const on: Publishing = { store, durability };
  const running: Running = new Map();
  const verifying = new Map<Digest, Promise<"whole" | "damaged" | "missing">>();
  let folders: Promise<void> | undefined;
  const ready = () => {
    folders ??= makeFolders(on).catch((error: unknown) => {
      folders = undefined;
      throw error;
    });
    return folders;
  };
  const verify = (digest: Digest) => {
    const known = verifying.get(digest);
    if (known) return known;
    const begun = verifyBlob(store, digest).finally(() => verifying.delete(digest));
    verifying.set(digest, begun);
    return begun;
  };
  const ingest = async (expected: Expected, signal?: AbortSignal) => {
    parseDigest(expected.digest);
    await ready();
    try {
      return await beginIngest(store, running, expected, signal);
    } catch (error) {
      throw fileError(`begin blob "${expected.digest}"`, error);
    }
  };
  const publishAll = async (digests: readonly Digest[], also?: () => void) => {
    await ready();
    return publish(on, digests.map(parseDigest), also);
  };
  const names = (sql: string, digest: Digest) =>
    store.db
      .query<{ name: string }, [string]>(sql)
      .all(digest)
      .map(({ name }) => name);
  return {
    stat: (digest) => {
      const row = rowOf(store, digest);
      return row && row.damaged === 0 ? infoOf(row) : undefined;
    },
    list: () =>
      store.db.query<BlobRow, []>("SELECT * FROM blobs WHERE damaged = 0 ORDER BY digest").all().map(infoOf),
    open: (digest) => openBlob(store, digest, verify),
    read: (digest, limit = documentLimit) => readBlob(store, digest, limit),
    ingest,
    ingestUnknown: async (limit) => {
      await ready();
      try {
        return await beginUnknown(store, running, limit);
      } catch (error) {
        throw fileError("begin a blob", error);
      }
    },
    abandon: async (digests, lease) => {
      for (const digest of new Set(digests)) await abandon(store, digest, lease);
    },
    write: async (bytes) => {
      const digest = digestOf(bytes);
      const begun = await ingest({ digest, size: bytes.length });
      if (begun !== "present") {
        await using growing = begun;
        if (growing.written > 0) await growing.restart();
        await growing.write(bytes);
        await growing.finish();
      }
      await publishAll([digest]);
      return infoOf(wholeRow(store, digest));
    },
    publish: publishAll,
    link: (parent, children) => {
      const add = store.db.query("INSERT OR IGNORE INTO blob_links (parent, child) VALUES (?, ?)");
      store.transaction(() => {
        for (const child of children) add.run(parseDigest(parent), parseDigest(child));
      });
    },
    childrenOf: (digest) =>
      names("SELECT child AS name FROM blob_links WHERE parent = ? ORDER BY child", digest).map(parseDigest),
    sources: (digest) =>
      names("SELECT source AS name FROM blob_sources WHERE digest = ? ORDER BY source", digest),
    addSource: (digest, source) => {
      const sql = "INSERT OR IGNORE INTO blob_sources (digest, source) VALUES (?, ?)";
      store.transaction(() => store.db.query(sql).run(parseDigest(digest), source));
    },
    verify,
  };
}

/** Errors: `not_found`, or `data_loss` for what is known to be damaged. */
function wholeRow(store: Store, digest: Digest): BlobRow {
  const row = rowOf(store, parseDigest(digest));
  if (!row) throw new SampanError("not_found", `cannot find blob "${digest}": it is not here`);
  if (row.damaged !== 0) throw damaged(digest, "its bytes are damaged");
  return row;
}

function damaged(digest: Digest, how: string): SampanError {
  return new SampanError("data_loss", `cannot read blob "${digest}": ${how}; pull its image again`);
}

async function openBlob(store: Store, digest: Digest, verify: Content["verify"]): Promise<string> {
  const row = wholeRow(store, digest);
  const path = blobPath(store.root, digest);
  if (row.verified_epoch === store.epoch) {
    const there = await regular(path).catch(() => undefined);
    if (there?.size === row.size) return path;
  }
  const found = await verify(digest);
  if (found !== "whole")
    throw damaged(digest, found === "missing" ? "its file is gone" : "its bytes have another digest");
  return path;
}

/** Marks the row with what was found. An error of this process (no descriptors left) says nothing about the blob and is thrown. */
async function verifyBlob(store: Store, digest: Digest): Promise<"whole" | "damaged" | "missing"> {
  const row = rowOf(store, parseDigest(digest));
  if (!row) return "missing";
  let found: "whole" | "damaged" | "missing";
  try {
    const handle = await openReading(blobPath(store.root, digest));
    try {
      found = (await hasDigest(handle, digest, row.size)) ? "whole" : "damaged";
    } finally {
      await handle.close();
    }
  } catch (error) {
    const known = conditions[errnoOf(error)] ?? (isLoss(error) ? "damaged" : undefined);
    if (!known) throw fileError(`verify blob "${digest}"`, error);
    found = known;
  }
  // Replaced or removed while we read: what was seen is not what the row says.
  const now = rowOf(store, digest);
  if (now && now.created === row.created && now.damaged === row.damaged)
    markVerified(store, digest, found === "whole");
  return found;
}

/** ENOENT; EIO, ELOOP, EISDIR, ENXIO: bytes that cannot be had. */
const conditions: Readonly<Record<number, "missing" | "damaged">> = {
  2: "missing",
  5: "damaged",
  6: "damaged",
  21: "damaged",
  40: "damaged",
};

const isLoss = (error: unknown) => error instanceof SampanError && error.code === "data_loss";

async function readBlob(store: Store, digest: Digest, limit: number): Promise<Uint8Array> {
  const row = wholeRow(store, digest);
  if (row.size > limit)
    throw new SampanError(
      "resource_exhausted",
      `cannot read blob "${digest}": it has ${row.size} bytes, wanted at most ${limit}`,
    );
  const bytes = await readUpTo(blobPath(store.root, digest), row.size).catch((error: unknown) => {
    if (conditions[errnoOf(error)] ?? isLoss(error)) return undefined;
    throw fileError(`read blob "${digest}"`, error);
  });
  if (bytes && digestMatches(bytes, digest)) return bytes;
  markVerified(store, digest, false);
  throw damaged(digest, bytes ? "its bytes have another digest" : "its file is gone");
}

function digestMatches(bytes: Uint8Array, digest: Digest): boolean {
  const [algorithm = "", hex] = digest.split(":");
  return new Bun.CryptoHasher(algorithm as "sha256").update(bytes).digest("hex") === hex;
}

/** The file's bytes, when it has exactly so many; else fewer, or one too many, which no digest fits. */
async function readUpTo(path: string, size: number): Promise<Uint8Array> {
  const handle = await openReading(path);
  try {
    const bytes = new Uint8Array(size + 1);
    let at = 0;
    while (at < bytes.length) {
      const { bytesRead } = await handle.read(bytes, at, bytes.length - at, at);
      if (bytesRead === 0) break;
      at += bytesRead;
    }
    return bytes.subarray(0, at);
  } finally {
    await handle.close();
  }
}
