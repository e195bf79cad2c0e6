// deadline: 200 s
import { expect } from "bun:test";
import { needing } from "../../needs.ts";
import { hunt } from "./hunt.ts";
import { needs } from "./_world.ts";

const { test } = needing(needs);

test("cloud and edge killed at random moments lose no pod, start none twice, and lose no word of a twin", async () => {
  const { failures, kills, starts } = await hunt({ kills: 10, seed: 6 });
  expect(failures).toEqual([]);
  expect(kills.cloud).toBeGreaterThan(0);
  expect(kills.edge).toBeGreaterThan(0);
  expect(starts).toBeGreaterThan(0);
}, 150_000);
