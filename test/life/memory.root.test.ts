/** A process that is killed for want of memory is told when that happens, and once. */
import { afterAll, beforeAll, expect } from "bun:test";
import { removeContainer } from "../../src/engine/containers/remove.ts";
import { startContainer } from "../../src/engine/containers/start.ts";
import { waitContainer } from "../../src/engine/containers/wait.ts";
import { until } from "../containers/survivors.ts";
import { needing } from "../needs.ts";
import { needs, Place } from "./place.ts";

const { test } = needing(needs);
const memory = 16 << 20;
const greedy = "tail -c 100000000 /dev/zero";

let place: Place;
beforeAll(async () => {
  place = new Place();
  await place.fill();
  await place.live.tasks.restore({ supervise: true });
});
afterAll(async () => {
  expect(place.live.warnings).toEqual([]);
  await place[Symbol.asyncDispose]();
});

const limited = (script: string) => ({
  command: ["sh", "-c", script],
  memory,
  host: { MemorySwap: memory },
});

test("of a child while its parent lives on, and not again at the end nor after a restart of the daemon", async () => {
  const { id } = await place.start(limited(`${greedy}; exec sleep 100`));
  await until(() => place.actions(id).includes("oom"), "the kill is told");
  expect(place.get(id)).toMatchObject({ state: "running", oomKilled: true });
  expect(place.actions(id)).toBe("create start oom");
  await place.reopen();
  await removeContainer(place.live, id, { force: true });
  expect(place.actions(id)).not.toContain("oom");
});

test("of the first process with its end", async () => {
  const { id } = await place.create(limited(`exec ${greedy}`));
  const ended = waitContainer(place.live, id, "next-exit");
  await startContainer(place.live, id);
  expect((await ended).statusCode).toBe(137);
  expect(place.get(id).oomKilled).toBe(true);
  expect(place.actions(id)).toBe("create start oom die");
});
