/** The images that are pulled: made here, and pushed to a loopback registry. The same bytes for all who pull. */
import { createReadStream, lstatSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createHash, randomBytes } from "node:crypto";
import { join } from "node:path";
import { output } from "../_command.ts";

export const imageKinds = ["debian", "text", "noise", "layers"] as const;
export type ImageKind = (typeof imageKinds)[number];

export const imageNames: Readonly<Record<ImageKind, string>> = {
  debian: "30,000 files of this host's Debian",
  text: "1 GiB that compresses well",
  noise: "1 GiB that does not compress",
  layers: "20 layers of 200 files",
};

export interface PushedImage {
  /** `127.0.0.1:5000/bench/debian:1`. */
  readonly reference: string;
  /** Addresses of the packed layers, for the floor. */
  readonly layers: readonly string[];
  readonly packedBytes: number;
}

const mebibyte = 1 << 20;
const debianPlaces = [
  "/usr/bin",
  "/usr/lib/x86_64-linux-gnu",
  "/usr/share/doc",
  "/usr/lib/python3",
  "/usr/share",
  "/usr/include",
  "/usr/lib",
];
const debianEntries = 30_000;

/** `part`: of the sizes, for a quick try. */
export async function pushImage(
  kind: ImageKind,
  { url, scratch, part }: { url: string; scratch: string; part: number },
): Promise<PushedImage> {
  const folder = join(scratch, kind);
  mkdirSync(folder, { recursive: true });
  const layers = [];
  for await (const tar of makeLayers(kind, folder, part)) layers.push(await pushLayer(tar, { url, kind }));
  rmSync(folder, { recursive: true, force: true });
  const config = await pushBytes(
    JSON.stringify({
      architecture: process.arch === "arm64" ? "arm64" : "amd64",
      os: "linux",
      config: {},
      rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
      history: [],
    }),
    { url, kind },
  );
  const manifest = {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    config: { mediaType: "application/vnd.oci.image.config.v1+json", ...config },
    layers: layers.map(({ digest, size }) => ({
      mediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
      digest,
      size,
    })),
  };
  await expectOk(
    await fetch(`${url}/v2/bench/${kind}/manifests/1`, {
      method: "PUT",
      headers: { "Content-Type": manifest.mediaType },
      body: JSON.stringify(manifest),
    }),
  );
  return {
    reference: `${new URL(url).host}/bench/${kind}:1`,
    layers: layers.map(({ digest }) => `${url}/v2/bench/${kind}/blobs/${digest}`),
    packedBytes: layers.reduce((sum, { size }) => sum + size, 0),
  };
}

/** Tar files, from the lowest layer up; each is gone after its turn. */
async function* makeLayers(kind: ImageKind, folder: string, part: number): AsyncGenerator<string> {
  const tar = join(folder, "layer.tar");
  if (kind === "debian") {
    const list = join(folder, "list");
    writeFileSync(list, debianFiles(Math.ceil(debianEntries * part)).join("\0"));
    await output(["tar", "-C", "/", "-cf", tar, "--no-recursion", "--null", "-T", list]);
    return yield tar;
  }
  const contents = join(folder, "contents");
  const count = kind === "layers" ? 20 : 1;
  const text = kind === "text" ? words(16 * mebibyte) : "";
  for (let layer = 0; layer < count; layer++) {
    mkdirSync(contents);
    if (kind === "layers")
      for (let file = 0; file < 200; file++)
        writeFileSync(join(contents, `${layer}-${file}`), words(32 * 1024));
    else
      for (let file = 0; file < 1024 * part; file += 16)
        // No compressor of a layer looks back as far as to the file before.
        writeFileSync(join(contents, String(file)), kind === "text" ? text : randomBytes(16 * mebibyte));
    await output(["tar", "-C", contents, "-cf", tar, "."]);
    rmSync(contents, { recursive: true });
    yield tar;
  }
}

/** Names without the leading slash, folders before what is in them. */
function debianFiles(wanted: number): string[] {
  const found = new Set<string>();
  const visit = (path: string) => {
    if (found.size >= wanted) return;
    const kind = lstatSync(path, { throwIfNoEntry: false });
    if (!kind || !(kind.isDirectory() || kind.isFile() || kind.isSymbolicLink())) return;
    // Large files would make it a test of throughput, which others are.
    if (kind.size > mebibyte && kind.isFile()) return;
    found.add(path.slice(1));
    if (kind.isDirectory()) for (const name of readdirSync(path).toSorted()) visit(join(path, name));
  };
  for (const place of debianPlaces) visit(place);
  return [...found].toSorted();
}

const vocabulary = Array.from({ length: 4096 }, (_, index) =>
  createHash("md5")
    .update(String(index))
    .digest("hex")
    .slice(0, 3 + (index % 9)),
);

/** Text like a program's: gzip makes about a third of it. */
function words(size: number): Uint8Array {
  const bytes = Buffer.alloc(size, " ");
  const picks = randomBytes(size);
  for (let at = 0, pick = 0; at < size - 16; pick += 2) {
    // A few words are frequent, as in any text.
    const limit = (picks[pick] ?? 0) < 128 ? 64 : vocabulary.length;
    at += bytes.write(vocabulary[picks.readUInt16LE(pick) % limit] ?? "", at, "latin1") + 1;
  }
  return bytes;
}

async function pushLayer(tar: string, place: { url: string; kind: string }) {
  const diffId = `sha256:${await fileDigest(tar)}`;
  await output(["gzip", "-6", "-n", tar]);
  const packed = `${tar}.gz`;
  const digest = `sha256:${await fileDigest(packed)}`;
  const { size } = lstatSync(packed);
  await upload(Bun.file(packed), digest, place);
  rmSync(packed);
  return { digest, size, diffId };
}

async function pushBytes(text: string, place: { url: string; kind: string }) {
  const digest = `sha256:${createHash("sha256").update(text).digest("hex")}`;
  await upload(text, digest, place);
  return { digest, size: Buffer.byteLength(text) };
}

async function upload(
  body: Bun.BodyInit,
  digest: string,
  { url, kind }: { url: string; kind: string },
): Promise<void> {
  const begun = await fetch(`${url}/v2/bench/${kind}/blobs/uploads/`, { method: "POST" });
  const session = new URL(begun.headers.get("Location") ?? "", url);
  session.searchParams.set("digest", digest);
  await expectOk(await fetch(session, { method: "PUT", body }));
}

async function expectOk(response: Response): Promise<void> {
  if (!response.ok) throw new Error(`${response.url}: ${response.status} ${await response.text()}`);
}

async function fileDigest(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const part of createReadStream(path, { highWaterMark: mebibyte }))
    hash.update(part as Uint8Array);
  return hash.digest("hex");
}
