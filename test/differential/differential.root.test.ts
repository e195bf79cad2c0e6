// deadline: 900 s
/**
 * Random bundles on ours and on Debian's runc: what a process in them sees of itself, what the host sees of them, what is left of them.
 * SAMPAN_DIFFERENTIAL_SEED and SAMPAN_DIFFERENTIAL_COUNT choose others; hunt.ts is the same by hand, with more to say.
 */
import { expect } from "bun:test";
import { resolve } from "node:path";
import { needing } from "../needs.ts";
import { report } from "./report.ts";
import { shrink } from "./shrink.ts";
import { tryMany } from "./try.ts";
import { World } from "./world.ts";

const { test } = needing({ root: true, programs: ["runc", "gcc", "busybox"], files: ["dist/sampan"] });
const program = [resolve("dist/sampan"), "runtime"];
const seed = Number(process.env["SAMPAN_DIFFERENTIAL_SEED"] ?? 1);
const count = Number(process.env["SAMPAN_DIFFERENTIAL_COUNT"] ?? 500);

test(`${count} random bundles are the same on runc, from seed ${seed} on`, async () => {
  using world = new World();
  const { different, started } = await tryMany(world, { program, seed, count, lanes: 3 });
  const [first] = different;
  if (first) {
    const small = await shrink(world, first, { program, most: 100 });
    const others = different.slice(1, 6).map((verdict) => report(verdict, "short"));
    throw new Error(
      [
        `${different.length} bundles differ`,
        report(first, "short"),
        "made smaller:",
        report(small, "with bundle"),
        ...others,
      ].join("\n"),
    );
  }
  // Two that refuse everything are the same too.
  expect(started).toBeGreaterThan(count / 2);
}, 800_000);
