/** GET /distribution/{name}/json: what a registry has under a name, without pulling it. */
import type { LiveEngine } from "../../../engine/engine.ts";
import { parseConfig, parseDocument } from "../../../spec/image/parse.ts";
import { parseReference, repositoryName } from "../../../spec/image/reference.ts";
import type { Descriptor, Platform } from "../../../spec/image/types.ts";
import type { Repository } from "../../../engine/registry/registry.ts";
import { json } from "../answer.ts";
import { invalid } from "../../../base/errors.ts";
import { refusedElsewhere } from "../errors.ts";
import { registriesFor } from "../credentials.ts";
import type { Answer, Call } from "../route.ts";

export async function inspectDistribution(engine: LiveEngine, call: Call): Promise<Answer> {
  const parsed = parseReference(call.param("name"));
  const registries = registriesFor(engine.registries, call, call.param("name"));
  const repository = registries.repository(repositoryName(parsed), "pull");
  const reference = parsed.digest ?? parsed.tag ?? "latest";
  const { descriptor, bytes } = await repository.manifest(reference, call.signal).catch((error: unknown) => {
    throw refusedElsewhere(error);
  });
  const document = parseDocument(bytes, descriptor.mediaType);
  const Platforms =
    document.kind === "index"
      ? document.index.manifests.flatMap(({ platform }) => platform ?? [])
      : [await configPlatform(repository, document.manifest.config, call.signal)];
  const { mediaType, digest, size } = descriptor;
  return json({ Descriptor: { mediaType, digest, size }, Platforms });
}

/** A configuration is no larger than a manifest. */
const largestConfig = 4 << 20;

async function configPlatform(
  repository: Repository,
  descriptor: Descriptor,
  signal: AbortSignal,
): Promise<Platform> {
  if (descriptor.size > largestConfig)
    throw invalid(`cannot read the configuration ${descriptor.digest}: it has ${descriptor.size} bytes`);
  const { body } = await repository.blob(descriptor, 0, signal);
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of body) {
    size += piece.length;
    if (size > descriptor.size)
      throw invalid(`cannot read the configuration ${descriptor.digest}: it is longer than announced`);
    pieces.push(piece);
  }
  const { architecture, os, variant } = parseConfig(Buffer.concat(pieces));
  return { architecture, os, ...(variant ? { variant } : {}) };
}
