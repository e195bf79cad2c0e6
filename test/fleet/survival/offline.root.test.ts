// deadline: 400 s
/** An edge whose cloud is away: what it has goes on, also after a kill and after a boot. */
import { expect } from "bun:test";
import { endContainers } from "../../daemon/_leavings.ts";
import { Random } from "../../differential/random.ts";
import { needing } from "../../needs.ts";
import { mountsBelow } from "../../snapshots/place.ts";
import { unmount } from "../../../src/kernel/mounts.ts";
import { openLoad, podSpec, pods, startsOf, type PodObject } from "./_load.ts";
import { needs, node, until, World } from "./_world.ts";

const { test } = needing(needs);
/** Milliseconds for a machine that has much else to do. */
const deadline = 130_000;

const volumes = [
  { name: "config", configMap: { name: "config" } },
  { name: "secret", secret: { secretName: "secret" } },
  {
    name: "token",
    projected: { sources: [{ serviceAccountToken: { path: "token", expirationSeconds: 3600 } }] },
  },
];

/** A pod with all that comes from the cloud. */
function podWithAll(world: World): Record<string, unknown> {
  const spec = podSpec(world);
  const [container] = spec["containers"] as [{ volumeMounts: object[] }];
  const mounts = [
    ...container.volumeMounts,
    { name: "secret", mountPath: "/secret" },
    { name: "token", mountPath: "/token" },
  ];
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "all" },
    spec: {
      ...spec,
      containers: [{ ...container, volumeMounts: mounts }],
      volumes: [{ name: "out", hostPath: { path: world.path("out") } }, ...volumes],
    },
  };
}

async function runAll(world: World): Promise<PodObject> {
  await world.send("POST", "/api/v1/namespaces/default/configmaps", {
    metadata: { name: "config" },
    data: { value: "warm" },
  });
  await world.send("POST", "/api/v1/namespaces/default/secrets", {
    metadata: { name: "secret" },
    stringData: { value: "hidden" },
  });
  await world.send("POST", pods, podWithAll(world));
  return await until("the pod to run", async () => {
    const found = (await world.send("GET", `${pods}/all`)) as PodObject;
    return found.status?.phase === "Running" && found;
  });
}

async function contents(world: World): Promise<string[]> {
  const [one] = (await world.containers()).filter(({ State: state }) => state === "running");
  if (!one) throw new Error("no container runs");
  return await Promise.all(
    ["/config/value", "/secret/value", "/token/token"].map(async (path) => await world.seen(one.Id, path)),
  );
}

test(
  "an edge that is killed and starts again without a cloud takes its pods over as they are",
  async () => {
    await using world = await World.open();
    const { metadata } = await runAll(world);
    const before = await contents(world);
    await world.cloud.kill();
    await world.edge.kill();
    world.edge = await world.startEdge();
    expect(await contents(world)).toEqual(before);
    expect(startsOf(world, metadata.uid)).toBe(1);

    world.cloud = await world.startCloud();
    await until("the node to be Ready", () => world.isReady());
    expect(await world.send("GET", `${pods}/all`)).toMatchObject({
      metadata: { uid: metadata.uid },
      status: { phase: "Running", containerStatuses: [{ restartCount: 0 }] },
    });
  },
  deadline,
);

test(
  "after a boot without a cloud a pod comes back, with its config map, secret and token",
  async () => {
    await using world = await World.open();
    const { metadata } = await runAll(world);
    const before = await contents(world);
    await world.cloud.kill();
    await world.edge.kill();
    // What a boot takes away: all processes, and all that was mounted.
    await endContainers(world.folder);
    for (const mount of mountsBelow(world.folder).toReversed()) unmount(mount);
    world.edge = await world.startEdge();
    const after = await until("the pod to run again", async () => await contents(world));
    expect(after).toEqual(before);
    expect(startsOf(world, metadata.uid)).toBe(2);
  },
  deadline,
);

test(
  "what devices said while there was no cloud is there when it is back, and what is wanted meanwhile reaches them",
  async () => {
    await using world = await World.open();
    await using load = await openLoad(world, new Random(1));
    await load.twinsSettled();
    world.lose(100);
    await until("the edge to notice", () => world.edge.said().includes("lost cloud"));
    await until("the cloud to notice", () => world.cloud.said().includes(`node "${node}" is gone`));
    const before = load.metered;
    await until("the meter to go on", () => load.metered > before + 20);
    load.target = 5;
    await load.wishTarget();
    await world.edge.kill();
    world.edge = await world.startEdge();
    world.mend();
    await until("the node to be Ready", () => world.isReady());
    await load.twinsSettled();
    expect(load.wrong).toEqual([]);
  },
  deadline,
);
