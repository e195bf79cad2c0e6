/** The whole blob's path, fetched again from where it came when it is damaged or missing. */
import { SampanError } from "../../base/errors.ts";
import type { Descriptor } from "../../spec/image/types.ts";
import type { Engine } from "../engine.ts";
import { kindOf } from "../../spec/image/parse.ts";
import { download } from "./_download.ts";
import { ingestBytes } from "./_ingest-bytes.ts";

export type ObtainParts = Pick<Engine, "content" | "registries">;

/** Damaged, or not here at all: it can be fetched again. */
export function isLost(error: unknown): boolean {
  return ["data_loss", "not_found"].includes(SampanError.from(error).code);
}

/** The caller holds a lease on it. Errors: `data_loss` when it is not whole here and no registry that it came from gives it. */
export async function obtain(
  engine: ObtainParts,
  descriptor: Descriptor,
  signal: AbortSignal,
): Promise<string> {
  const { digest } = descriptor;
  try {
    return await engine.content.open(digest);
  } catch (error) {
    if (!isLost(error)) throw error;
    await fetchAgain(engine, descriptor, { signal, why: error });
    return engine.content.open(digest);
  }
}

async function fetchAgain(
  engine: ObtainParts,
  descriptor: Descriptor,
  { signal, why }: { signal: AbortSignal; why: unknown },
): Promise<void> {
  const { digest } = descriptor;
  const sources = engine.content.sources(digest);
  let last = why;
  for (const source of sources) {
    try {
      const repository = engine.registries.repository(source, "pull");
      await download({ content: engine.content, repository, descriptor, signal });
      await engine.content.publish([digest]);
      return;
    } catch (error) {
      if (signal.aborted) throw error;
      last = error;
    }
  }
  const where =
    sources.length > 0 ? `and ${sources.join(", ")} does not give it` : "and it came from no registry";
  throw new SampanError(
    "data_loss",
    `cannot use blob "${digest}": it is damaged or missing here, ${where}: ${SampanError.from(last).message}`,
    { cause: last },
  );
}

/** The bytes of a manifest, index or configuration. */
export async function obtainBytes(
  engine: ObtainParts,
  descriptor: Descriptor,
  signal: AbortSignal,
): Promise<Uint8Array> {
  try {
    return await engine.content.read(descriptor.digest);
  } catch (error) {
    if (!isLost(error)) throw error;
    const bytes = await manifestAgain(engine, descriptor, signal);
    if (bytes) return bytes;
    await fetchAgain(engine, descriptor, { signal, why: error });
    return engine.content.read(descriptor.digest);
  }
}

/** Registries keep manifests at another address than blobs. */
async function manifestAgain(
  engine: ObtainParts,
  { digest, mediaType }: Descriptor,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  if (kindOf(mediaType) === undefined) return undefined;
  for (const source of engine.content.sources(digest)) {
    try {
      const { bytes, descriptor } = await engine.registries
        .repository(source, "pull")
        .manifest(digest, signal);
      await ingestBytes(engine.content, { descriptor: { ...descriptor, digest }, bytes }, signal);
      await engine.content.publish([digest]);
      return bytes;
    } catch (error) {
      if (signal.aborted) throw error;
    }
  }
  return undefined;
}
