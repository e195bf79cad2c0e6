/** A short hunt with a seed of its own each time, which is printed; SAMPAN_KILLS says how many kills, and test/kill/hunt.ts is the long one. */
// deadline: 300 s
import { expect } from "bun:test";
import { needing } from "../needs.ts";
import { hunt, words } from "./hunt.ts";

const { test } = needing({ root: true });
const kills = Number(process.env["SAMPAN_KILLS"] ?? 60);
const seed = Number(process.env["SAMPAN_SEED"] ?? Date.now() % 1_000_000);

test(`a verb that is killed has happened or has not, and leaves nothing without a name (seed ${seed})`, async () => {
  const hunted = await hunt({ kills, seed });
  expect(hunted.failures, words(hunted)).toEqual([]);
  expect(hunted.kills).toBeGreaterThanOrEqual(kills);
}, 250_000);
