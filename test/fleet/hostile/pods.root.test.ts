/** Who may make pods may name a node in them, past every scheduler. */
import { expect } from "bun:test";
import { needing } from "../../needs.ts";
import { EdgedWorld, eventually, needs } from "../edged/_world.ts";

const { test } = needing(needs);

const running = ({ phase }: { readonly phase?: string }) => phase === "Running";

test("more pods than a node takes are Failed, and those that are there run on, also after a restart", async () => {
  await using world = await EdgedWorld.open({ pods: 2 });
  const { pods } = world.world.engine;
  const first = world.want(world.pod("first", "exec sleep 1000"));
  await world.until("first", running);
  const second = world.want(world.pod("second", "exec sleep 1000"));
  await world.until("second", running);
  const flood = Array.from({ length: 50 }, (_, index) => `flood${index}`);
  for (const name of flood) world.want(world.pod(name, "exec sleep 1000"));
  for (const name of flood)
    expect(await world.until(name, ({ phase }) => phase === "Failed")).toMatchObject({ reason: "OutOfpods" });
  expect(pods.list()).toHaveLength(2);
  await world.stop();
  await world.start();
  expect(world.workers()).toHaveLength(52);
  for (const { pod, status } of world.workers())
    expect([pod.metadata.name, status?.phase]).toEqual([
      pod.metadata.name,
      pod === first || pod === second ? "Running" : "Failed",
    ]);
  world.delete(first);
  await eventually(
    () => pods.list().length === 1 || undefined,
    () => `${pods.list().length} pods`,
  );
  world.want(world.pod("later", "exec sleep 1000"));
  await world.until("later", running);
});
