/** Stores blobs as a pull does, half of them after an earlier try was cut short, and says each digest once it is published. `bun _blobs.ts ROOT`. */
import { writeSync } from "node:fs";
import { openContent } from "../../src/engine/content/open.ts";
import { openStore } from "../../src/engine/store/open.ts";
import { digestOf } from "../../src/spec/image/digest.ts";

const sizes = [0, 1, 5000, 200_000];
export const blobs: readonly Uint8Array[] = sizes.map((size, index) =>
  new Uint8Array(size).map((_, at) => 1 + ((at * (index + 3)) % 253)),
);

const say = (words: string) => void writeSync(1, `${words}\n`);

async function sync(path: string): Promise<void> {
  const status = await Bun.spawn(["sync", "-f", path]).exited;
  if (status !== 0) throw new Error(`cannot sync "${path}": status ${status}`);
}

async function main(root: string): Promise<void> {
  using store = openStore(root);
  const content = openContent(store, { sync });
  for (const [index, bytes] of blobs.entries()) {
    const digest = digestOf(bytes);
    if (index % 2 === 1) await begin(content, bytes, bytes.length / 2);
    await begin(content, bytes, bytes.length);
    if (index < 2) {
      await content.publish([digest]);
      say(digest);
    }
  }
  const rest = blobs.slice(2).map(digestOf);
  await content.publish(rest);
  for (const digest of rest) say(digest);
}

async function begin(
  content: ReturnType<typeof openContent>,
  bytes: Uint8Array,
  until: number,
): Promise<void> {
  const begun = await content.ingest({ digest: digestOf(bytes), size: bytes.length });
  if (begun === "present") return;
  await using growing = begun;
  for (let at = growing.written; at < until; at += 100_000)
    await growing.write(bytes.subarray(at, Math.min(until, at + 100_000)));
  if (until === bytes.length) await growing.finish();
}

if (import.meta.main) await main(process.argv[2] ?? "");
