/** Where content stands below the data root. */
import { algorithmOf, hexOf, isDigest, parseDigest, type Digest } from "../../spec/image/digest.ts";

export const blobsFolder = (root: string) => `${root}/content/blobs`;
export const ingestFolder = (root: string) => `${root}/content/ingest`;

export function blobFolder(root: string, digest: Digest): string {
  return `${blobsFolder(root)}/${algorithmOf(digest)}`;
}

export function blobPath(root: string, digest: Digest): string {
  return `${blobFolder(root, digest)}/${hexOf(digest)}`;
}

/** One file for each digest, whoever writes it. */
export function ingestPath(root: string, digest: Digest): string {
  return `${ingestFolder(root)}/${algorithmOf(digest)}-${hexOf(digest)}`;
}

const unknownMark = "0".repeat(24);

/** What a blob whose digest is told by its last byte is called until then: a name that no blob comes to have. */
export function placeholderDigest(): Digest {
  const random = crypto.getRandomValues(Buffer.alloc(20)).toString("hex");
  return parseDigest(`sha256:${unknownMark}${random}`);
}

/** Nobody can go on with such a file once its writer is gone. */
export function isPlaceholder(digest: Digest): boolean {
  return hexOf(digest).startsWith(unknownMark);
}

/** The digest that a file name in ingest means; undefined for what is not ours. */
export function digestOfIngest(name: string): Digest | undefined {
  const digest = name.replace("-", ":");
  return isDigest(digest) ? digest : undefined;
}

export function digestOfBlob(algorithm: string, name: string): Digest | undefined {
  const digest = `${algorithm}:${name}`;
  return isDigest(digest) ? digest : undefined;
}

export function blobFolders(root: string): { algorithm: string; path: string }[] {
  return ["sha256", "sha512"].map((algorithm) => ({ algorithm, path: `${blobsFolder(root)}/${algorithm}` }));
}
