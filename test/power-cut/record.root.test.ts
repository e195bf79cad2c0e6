import { afterAll, beforeAll, expect } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { differences, placeTree, readTree } from "../../tools/power-cut/place.ts";
import { record } from "../../tools/power-cut/record.ts";
import { needing } from "../needs.ts";

const { test } = needing({ root: true, programs: ["strace", "unshare"] });
let scratch = "";
const everything = new URL("./_everything.ts", import.meta.url).pathname;

beforeAll(() => void (scratch = mkdtempSync(join(tmpdir(), "sampan-record-"))));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

function rootWith(name: string): string {
  const root = join(scratch, name);
  mkdirSync(root);
  writeFileSync(join(root, "kept"), "as it was before");
  return root;
}

test("the model follows every kind of change to the very tree that is on the disk", async () => {
  const root = rootWith("followed");
  // record() itself compares the two and throws where they differ.
  const { after, before } = await record({
    root,
    log: `${root}.log`,
    command: [process.execPath, everything, root],
  });
  expect([...before.walk()].map(([path]) => path)).toEqual(["", "kept"]);
  expect(after.get(after.get(1).entries.get("kept") ?? 0).node).toMatchObject({
    mode: 0o755,
    uid: 7,
    gid: 8,
    modified: 1_700_000_000_123_456_789n,
  });
});

test("a tree that is placed is the tree that was read, with devices, links, times and attributes", async () => {
  const root = rootWith("placed");
  await Bun.spawn([process.execPath, everything, root]).exited;
  const tree = readTree(root);
  placeTree(tree, `${root}.again`);
  expect(differences(tree, readTree(`${root}.again`))).toEqual([]);
});

test("a change that the trace does not show is an error, not a wrong replay", async () => {
  const root = rootWith("hidden");
  const program = `const fd = require("fs").openSync("kept", "r+"); Bun.mmap("kept", { shared: true })[0] = 65;`;
  const command = ["env", "-C", root, process.execPath, "-e", program];
  const failed = await record({ root, log: `${root}.log`, command }).catch((error: unknown) => error);
  expect(String(failed)).toContain("kept");
});

test("the command sees another boot than its caller", async () => {
  const root = rootWith("boot");
  const program = `const fs = require("fs"); fs.writeFileSync("${root}/boot", fs.readFileSync("/proc/sys/kernel/random/boot_id"))`;
  await record({ root, log: `${root}.log`, command: [process.execPath, "-e", program], otherBoot: true });
  const [seen, here] = [join(root, "boot"), "/proc/sys/kernel/random/boot_id"].map((path) =>
    readFileSync(path, "utf8"),
  );
  expect(seen).not.toBe(here as string);
  expect(seen).toHaveLength(37);
});
