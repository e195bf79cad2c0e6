/**
 * What `rmi` does, with Docker's rules: by a name that is not the last one only the name goes; with the last one, or by id, the image goes too. An id with
 * several names needs force, so does an image that a stopped container uses, of which then only the names go; a running container's image stays.
 */
import { SampanError } from "../../base/errors.ts";
import type { Digest } from "../../spec/image/digest.ts";
import { familiarName, normalName, parseReference, repositoryName } from "../../spec/image/reference.ts";
import type { Engine } from "../engine.ts";
import { looksLikeId } from "./_find.ts";
import type { LocalImage } from "./images.ts";
import { tellRemoved, type Told } from "./tell.ts";

export type RemoveParts = Pick<Engine, "images" | "containers" | "store" | "gc" | "snapshots"> & Told;
export type RemovedLine = { readonly Untagged: string } | { readonly Deleted: string };

export interface RemoveOptions {
  readonly force?: boolean;
  /** Whether the files go now (the default) or with the next collection. */
  readonly prune?: boolean;
  readonly signal?: AbortSignal;
}

export async function removeImage(
  engine: RemoveParts,
  reference: string,
  options: RemoveOptions = {},
): Promise<RemovedLine[]> {
  const { id, lines, chains } = engine.store.transaction(() => {
    const image = engine.images.get(reference);
    const one = nameMeant(image, reference);
    if (one !== undefined && others(image, one))
      return { id: image.id, lines: untag(engine, image, [one]), chains: [] };
    return {
      id: image.id,
      ...removeRecord(engine, image, { ...options, reference, byId: one === undefined }),
    };
  });
  tellRemoved(engine, id, lines);
  if (options.prune === false || chains.length === 0) return lines;
  await engine.gc.collect(options.signal);
  const gone = chains.filter((chain) => !engine.snapshots.stat(chain));
  return [...lines, ...gone.toReversed().map((chain) => ({ Deleted: chain }))];
}

/** The record in a transaction of the caller's; for prune. */
export function removeRecord(
  engine: RemoveParts,
  image: LocalImage,
  { force = false, byId, reference }: { force?: boolean | undefined; byId: boolean; reference: string },
): { lines: RemovedLine[]; chains: readonly Digest[] } {
  if (byId && image.names.length > 1 && !force)
    throw conflict(
      reference,
      `it has ${image.names.length} names (${image.names.map(familiarName).join(", ")}), wanted one of them or force`,
    );
  const users = engine.containers
    .list()
    .filter(({ manifest }) => manifest === image.manifest.digest || isOf(engine, image, manifest));
  const running = users.find(({ state }) => state === "running");
  const [user = running] = users;
  if (running && (byId || !force)) throw conflict(reference, `container "${running.name}" runs it`);
  if (user && !force) throw conflict(reference, `container "${user.name}" uses it, wanted force`);
  const platforms = engine.images.platforms(image.target.digest);
  const lines = untag(engine, image, [...image.names, ...image.repoDigests]);
  // The container keeps its image, which has no name now, as with Docker.
  if (user) return { lines, chains: [] };
  engine.images.remove(image.target.digest);
  // The same image may be here in another record, pulled as another kind of document or loaded.
  const gone = platforms.filter(({ id }) => !engine.images.find(id));
  return {
    lines: [...lines, ...gone.map(({ id }) => ({ Deleted: id }))],
    chains: platforms.flatMap(({ layers }) => layers.map(({ chainId }) => chainId)),
  };
}

function isOf(engine: RemoveParts, image: LocalImage, manifest: Digest): boolean {
  return engine.images
    .platforms(image.target.digest)
    .some((platform) => platform.manifest.digest === manifest);
}

/** Undefined when the image was meant by an id. */
function nameMeant(image: LocalImage, reference: string): string | undefined {
  if (/^(?:sha256|sha512):|^[0-9a-f]{64}$/.test(reference)) return undefined;
  const parsed = parseReference(reference);
  const name =
    parsed.digest === undefined ? normalName(parsed) : `${repositoryName(parsed)}@${image.target.digest}`;
  if (image.names.includes(name) || image.repoDigests.includes(name)) return name;
  if (looksLikeId(reference)) return undefined;
  return name;
}

function others(image: LocalImage, name: string): boolean {
  return image.names.some((other) => other !== name) || (name.includes("@") && image.names.length > 0);
}

/** A repository's digest goes with the last tag of that repository. */
function untag(engine: RemoveParts, image: LocalImage, names: readonly string[]): RemovedLine[] {
  const target = image.target.digest;
  const lines: RemovedLine[] = [];
  const left = new Set(image.names);
  const dropDigest = (repository: string) => {
    const dropped = engine.store.db
      .query("DELETE FROM repo_digests WHERE repository = ? AND target = ?")
      .run(repository, target);
    if (dropped.changes > 0) lines.push({ Untagged: familiarName(`${repository}@${target}`) });
  };
  for (const name of names) {
    const repository = repositoryName(parseReference(name));
    if (name.includes("@")) {
      dropDigest(repository);
      continue;
    }
    if (engine.images.unname(name)) lines.push({ Untagged: familiarName(name) });
    left.delete(name);
    if (![...left].some((other) => repositoryName(parseReference(other)) === repository))
      dropDigest(repository);
  }
  return lines;
}

function conflict(reference: string, why: string): SampanError {
  return new SampanError("failed_precondition", `cannot remove image "${reference}": ${why}`);
}
