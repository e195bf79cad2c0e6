/** One file out of an image, whatever the image has in its place. */
import {
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { expect } from "bun:test";
import { copyFileOut } from "../../src/engine/images/copy-file.ts";
import type { LocalImage } from "../../src/engine/images/images.ts";
import { makeFifo } from "../../src/kernel/libc.ts";
import { needing } from "../needs.ts";
import { needs, Place } from "./place.ts";

const { test } = needing(needs);

const most = 1 << 20;

function fill(root: string): void {
  mkdirSync(join(root, "opt", "deep"), { recursive: true });
  writeFileSync(join(root, "opt", "deep", "program"), "new".repeat(100_000));
  writeFileSync(join(root, "opt", "empty"), "");
  writeFileSync(join(root, "opt", "long"), "");
  truncateSync(join(root, "opt", "long"), most + 1);
  symlinkSync("/etc/hostname", join(root, "opt", "link"));
  symlinkSync("/", join(root, "opt", "host"));
  makeFifo(join(root, "opt", "pipe"), 0o600);
}

async function copy(place: Place, path: string): Promise<string> {
  const to = join(place.dir, "copied");
  writeFileSync(to, "before");
  const { signal } = new AbortController();
  const image = { ...place.parts.images.get("busybox"), names: ["busybox"] } as LocalImage;
  await copyFileOut(place.parts, image, { path, to, mode: 0o755, most, signal });
  return to;
}

test("a file is copied whole, in the place of what was there, and nothing is mounted", async () => {
  using place = new Place();
  await place.fill({}, fill);
  const to = await copy(place, "/opt/deep/program");
  expect(readFileSync(to, "utf8")).toBe("new".repeat(100_000));
  expect(statSync(to).mode & 0o777).toBe(0o755);
  expect(readFileSync(await copy(place, "/opt/empty"), "utf8")).toBe("");
  expect(place.mounts()).toEqual([]);
});

test.each([
  ["/opt/link", "no file"],
  ["/opt/host/etc/hostname", "no file"],
  ["/opt/../../../../etc/hostname", "no file"],
  ["/opt/deep", "no file"],
  ["/opt/deep/program/more", "no file"],
  ["/opt/pipe", "no file"],
  ["/opt/none", "no file"],
  ["/", "no file"],
  ["/opt/long", "wanted at most"],
])("%s gives no file", async (path, why) => {
  using place = new Place();
  await place.fill({}, fill);
  const said = await copy(place, path).then(
    () => "copied",
    (error: unknown) => String(error),
  );
  expect(said).toContain(why);
  if (existsSync(join(place.dir, "copied")))
    expect(readFileSync(join(place.dir, "copied"), "utf8")).toBe("before");
});
