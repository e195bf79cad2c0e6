// deadline: 180 s
/** A bad line. */
import { expect } from "bun:test";
import { Random } from "../../differential/random.ts";
import { needing } from "../../needs.ts";
import { openLoad } from "./_load.ts";
import { needs, until, World } from "./_world.ts";

const { test } = needing(needs);

test("with every third packet lost, and late where the kernel can do that, what is wanted is reached and what is said arrives", async () => {
  await using world = await World.open();
  await using load = await openLoad(world, new Random(1));
  await load.twinsSettled();
  world.delay(200);
  world.lose(30);
  for (const [replicas, target] of [
    [3, 1],
    [1, 2],
  ] as const) {
    await load.scale(replicas);
    load.target = target;
    await load.wishTarget();
    await until(`${replicas} pods`, async () => {
      const all = await load.pods();
      return all.length === replicas && all.every(({ status }) => status?.phase === "Running");
    });
    await load.twinsSettled();
  }
  expect(load.wrong).toEqual([]);
}, 150_000);
