/** Goes through all steps of a snapshotter over and over, until it is killed: `steps.ts DATA-ROOT DRIVER`. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Copies } from "../../src/engine/snapshots/copy.ts";
import { Overlayfs } from "../../src/engine/snapshots/overlayfs.ts";
import { openStore } from "../../src/engine/store/open.ts";
import { chainIds } from "../../src/spec/image/chain-id.ts";
import { digestOf } from "../../src/spec/image/digest.ts";
import { commitAll, nothingLeft, work } from "./place.ts";

const [root = "", driver = ""] = process.argv.slice(2);
const store = openStore(root);
const snapshots =
  driver === "copy" ? new Copies(store, work) : new Overlayfs(store, work, { mapsIds: false });
const range = [{ containerID: 0, hostID: 100_000, size: 65_536 }];

process.stdout.write("ready\n");
for (let round = 0; ; round++) {
  const names = chainIds(["a", "b"].map((name) => digestOf(`${process.pid} ${round} ${name}`)));
  for (const [index, name] of names.entries()) {
    const target = await snapshots.beginLayer(name, names[index - 1]);
    if (target === "present") throw new Error("present");
    mkdirSync(join(target.root, `d${index}`));
    writeFileSync(join(target.root, `d${index}/file`), "content");
    // Of the second layer's folder the first has a file: it is begun anew in a mounted tree.
    const again = index === 1 ? { ...nothingLeft, implicitDirs: ["d0/file"] } : nothingLeft;
    const settled = await snapshots.settleLayer(name, again);
    if (settled !== "settled") writeFileSync(join(settled.again.root, "again"), "");
    await snapshots.endLayer(name);
  }
  commitAll(snapshots, names);
  for (const [key, options] of [
    ["plain", {}],
    ["mapped", { remap: { uids: range, gids: range } }],
  ] as const) {
    await snapshots.prepare(`${key}-${process.pid}-${round}`, names[1], options);
    await snapshots.remove(`${key}-${process.pid}-${round}`);
  }
  for (const { key } of snapshots.list().toReversed()) await snapshots.remove(key);
}
