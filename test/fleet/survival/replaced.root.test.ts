// deadline: 400 s
/** Another cloud in the place of the one that an edge knows. */
import { expect } from "bun:test";
import { cpSync } from "node:fs";
import { Random } from "../../differential/random.ts";
import { needing } from "../../needs.ts";
import { type Load, openLoad, type PodObject, pods, startsOf } from "./_load.ts";
import { needs, node, until, World } from "./_world.ts";

const { test } = needing(needs);
/** Milliseconds for a machine that has much else to do. */
const deadline = 130_000;

async function running(load: Load): Promise<readonly PodObject[]> {
  return await until("two pods to run", async () => {
    const all = await load.pods();
    const isWhole = all.length === 2 && all.every(({ status }) => status?.phase === "Running");
    return isWhole && all;
  });
}

test(
  "a cloud on a copy of an older day's data: pods run on, and what devices say from then on arrives",
  async () => {
    await using world = await World.open();
    await using load = await openLoad(world, new Random(1));
    const before = await running(load);
    await load.twinsSettled();
    expect(await world.cloud.end()).toBe(0);
    cpSync(world.path("cloud"), world.path("copy"), { recursive: true });
    world.cloud = await world.startCloud();
    load.target = 7;
    await load.wishTarget();
    await load.twinsSettled();
    const counted = load.metered;
    await world.cloud.kill();

    // The older cloud wants what it wanted then, and hears what is so now.
    load.forgetTold();
    world.cloud = await world.startCloud("copy");
    await until("the node to be Ready", () => world.isReady());
    await until("the last count of the meter", () => (load.told.get("meter/count") ?? 0) >= counted);
    const after = await running(load);
    expect(after.map(({ metadata }) => metadata.uid).toSorted()).toEqual(
      before.map(({ metadata }) => metadata.uid).toSorted(),
    );
    expect(after.map(({ metadata: { uid } }) => startsOf(world, uid))).toEqual([1, 1]);
  },
  deadline,
);

const keys = ["casecret", "cloudcoresecret", "tokensecret"];

test(
  "a cloud with the same keys and nothing else: the node registers again, and pods that nobody knows end",
  async () => {
    await using world = await World.open();
    await using load = await openLoad(world, new Random(1));
    await running(load);
    const secrets = "/api/v1/namespaces/kubeedge/secrets";
    const kept = (await Promise.all(keys.map((name) => world.send("GET", `${secrets}/${name}`)))) as {
      metadata: { name: string };
      data: unknown;
      type: string;
    }[];
    await world.cloud.kill();
    const api = await world.startCloud("new", "--hub=false");
    world.readAccess("new");
    await world.send("POST", "/api/v1/namespaces", { metadata: { name: "kubeedge" } });
    for (const { metadata, data, type } of kept)
      await world.send("POST", secrets, { metadata: { name: metadata.name }, data, type });
    expect(await api.end()).toBe(0);

    world.cloud = await world.startCloud("new");
    await until("the node to be Ready", () => world.isReady());
    await until("no container", async () => (await world.containers()).length === 0);
    expect(await world.send("GET", pods)).toMatchObject({ items: [] });
    expect(await world.send("GET", `/api/v1/nodes/${node}`)).toMatchObject({ metadata: { name: node } });
  },
  deadline,
);

test(
  "a cloud with other keys: pods run on, it is said what to do, and after a join with force all goes on",
  async () => {
    await using world = await World.open();
    await using load = await openLoad(world, new Random(1));
    const before = await running(load);
    await world.cloud.kill();
    world.cloud = await world.startCloud("other");
    await until("the edge to say why", () =>
      /certificate|authority/.test(world.edge.said().split("lost cloud").at(-1) ?? ""),
    );
    expect(await world.containers()).toHaveLength(2);
    expect(before.map(({ metadata: { uid } }) => startsOf(world, uid))).toEqual([1, 1]);

    expect(await world.edge.end()).toBe(0);
    await world.join("other", "--force");
    world.readAccess("other");
    world.edge = await world.startEdge();
    await until("the node to be Ready", () => world.isReady());
  },
  deadline,
);
