/** Cloud and edge with a bad cable between them: netem delays, turns round, loses, doubles and damages packets, and in the end lets none through. */
// deadline: 400 s
import { afterAll, beforeAll, expect } from "bun:test";
import { needing } from "../../needs.ts";
import { runtimeNeeds } from "../place.ts";
import { Fleet } from "./_fleet.ts";
import { configMap, deployment, device, model } from "./_objects.ts";

const programs = [...(runtimeNeeds.programs ?? []), "nft", "ip", "tc"];
const { describe, test } = needing({ ...runtimeNeeds, programs });

/** Each way. */
const bad = "delay 150ms 50ms reorder 25% 50% loss 10% duplicate 2% corrupt 0.5%";

const core = "/api/v1/namespaces/default";
const deployments = "/apis/apps/v1/namespaces/default/deployments";
const fleetKinds = "/apis/devices.kubeedge.io/v1beta1/namespaces/default";

interface Pod {
  readonly metadata: { readonly uid: string; readonly deletionTimestamp?: string };
  readonly status?: {
    readonly phase?: string;
    readonly containerStatuses?: readonly { readonly restartCount: number }[];
  };
}

interface Twin {
  readonly propertyName: string;
  readonly reported?: { readonly value?: string };
}

describe("a cloud and an edge with a bad cable between them", () => {
  let fleet: Fleet;
  /** What the cloud said the device's count to be, in the order in which it did. */
  const counted: number[] = [];

  beforeAll(async () => {
    fleet = await Fleet.boot();
    await fleet.weather(bad);
    await fleet.startCloud();
  }, 120_000);
  afterAll(() => fleet?.[Symbol.asyncDispose]());

  const pods = async () => (await fleet.send<{ items: Pod[] }>("GET", `${core}/pods`)).items;

  const change = async (path: string, object: object): Promise<void> => {
    // Controllers write too: whoever is later is told, and does it again.
    await fleet.until(`${path} to be changed`, async () => {
      const found = await fleet.send<{ metadata: object }>("GET", path);
      return await fleet.send("PUT", path, { ...found, ...object, metadata: found.metadata });
    });
  };

  /** So many pods, all of them running for the first time, and what each of them says. */
  const running = (count: number, config: number): Promise<Pod[]> =>
    fleet.until(`${count} pods with config ${config}`, async () => {
      const all = await pods();
      const isUp = ({ metadata, status }: Pod) =>
        metadata.deletionTimestamp === undefined && status?.phase === "Running";
      if (all.length !== count || !all.every(isUp)) return undefined;
      const said = await Promise.all(all.map(({ metadata }) => now(metadata.uid)));
      return said.every(({ value }) => value === config) ? all : undefined;
    });

  const now = async (uid: string): Promise<{ round: number; value: number }> => {
    const [round, value] = (await fleet.vm.read(`/out/${uid}.now`)).split(" ");
    return { round: Number(round), value: Number(value) };
  };

  const twin = async (name: string): Promise<number> => {
    const { status } = await fleet.send<{ status?: { twins?: Twin[] } }>(
      "GET",
      `${fleetKinds}/devices/machine`,
    );
    const value = status?.twins?.find(({ propertyName }) => propertyName === name)?.reported?.value;
    return Number(value ?? 0);
  };

  /** By the mapper. */
  const printed = (word: "read" | "wrote"): number[] =>
    [...fleet.mapper.stdout.matchAll(new RegExp(`^${word} (\\d+)$`, "gm"))].map(([, value]) => Number(value));

  /** What is wanted of the device is there and told of, and what it says from now on arrives. */
  const settled = async (target: number): Promise<void> => {
    await fleet.mapper.printed(new RegExp(`^wrote ${target}$`, "m"), 100);
    const read = printed("read").at(-1) ?? 0;
    await fleet.until(`target ${target} in the cloud`, async () => (await twin("target")) === target);
    await fleet.until(`count ${read} in the cloud`, async () => {
      counted.push(await twin("count"));
      return (counted.at(-1) ?? 0) >= read;
    });
  };

  test("a node joins, and is Ready", async () => {
    await fleet.startEdge();
    await fleet.until("the node to be Ready", () => fleet.isReady());
  }, 120_000);

  test("what is wanted runs, is changed and ends, and twins arrive, both ways", async () => {
    await fleet.send("POST", `${core}/configmaps`, configMap(1));
    await fleet.send("POST", `${fleetKinds}/devicemodels`, model);
    await fleet.send("POST", `${fleetKinds}/devices`, device(1));
    await fleet.send("POST", deployments, deployment(1));
    const [first] = await running(1, 1);
    await settled(1);
    await change(`${core}/configmaps/config`, configMap(2));
    await change(`${deployments}/web`, deployment(3));
    await change(`${fleetKinds}/devices/machine`, device(2));
    const three = await running(3, 2);
    expect(three.map(({ metadata }) => metadata.uid)).toContain(first?.metadata.uid ?? "");
    await settled(2);
    await change(`${deployments}/web`, deployment(1));
    await running(1, 2);
    for (const { sent, dropped } of await fleet.packets()) {
      expect(sent).toBeGreaterThan(0);
      expect(dropped).toBeGreaterThan(0);
    }
  }, 150_000);

  test("a cut without a word is noticed and stops no pod, and afterwards what was wanted meanwhile is reached", async () => {
    const [kept] = await pods();
    const uid = kept?.metadata.uid ?? "";
    await fleet.weather("loss 100%");
    const { round } = await now(uid);
    await fleet.until("the edge to notice", async () => !fleet.isConnected);
    await change(`${core}/configmaps/config`, configMap(3));
    await change(`${deployments}/web`, deployment(2));
    await change(`${fleetKinds}/devices/machine`, device(3));
    await fleet.until("the cloud to notice", async () => !(await fleet.isReady()));
    await fleet.until("the pod to go on", async () => (await now(uid)).round > round + 20);
    expect(await now(uid)).toMatchObject({ value: 2 });
    await fleet.weather(bad);
    await fleet.until("the node to be Ready again", () => fleet.isReady());
    const both = await running(2, 3);
    expect(both.map(({ metadata }) => metadata.uid)).toContain(uid);
    await settled(3);
  }, 150_000);

  test("in the end nothing was lost and nothing done twice", async () => {
    const starts = await fleet.must("cd /out && grep -ch start *.starts");
    // Of three pods and then one more.
    expect(starts).toBe("1\n1\n1\n1\n");
    const restarts = (await pods()).map(({ status }) => status?.containerStatuses?.[0]?.restartCount);
    expect(restarts).toEqual([0, 0]);
    expect(printed("wrote")).toEqual([1, 2, 3]);
    expect(counted).toEqual(counted.toSorted((a, b) => a - b));
    await fleet.send("DELETE", `${deployments}/web`);
    await fleet.until("no pod", async () => (await pods()).length === 0);
    await fleet.until("no container", async () => (await fleet.must("sampan ps --all --quiet")) === "");
  }, 120_000);
});
