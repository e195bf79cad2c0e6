import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { crds } from "../../../src/fleet/cloud/crds/crds.ts";
import { definitions, installCrds } from "../../../src/fleet/cloud/crds/install.ts";
import { KubeError, type KubeClient, type KubeObject } from "../../../src/spec/kubernetes/kube.ts";
import { openCluster, type Cluster } from "../apiserver/_server.ts";

const names = [
  "clusterobjectsyncs.reliablesyncs.kubeedge.io",
  "configupdatejobs.operations.kubeedge.io",
  "devicemodels.devices.kubeedge.io",
  "devices.devices.kubeedge.io",
  "devicestatuses.devices.kubeedge.io",
  "edgeapplications.apps.kubeedge.io",
  "imageprepulljobs.operations.kubeedge.io",
  "nodegroups.apps.kubeedge.io",
  "nodeupgradejobs.operations.kubeedge.io",
  "objectsyncs.reliablesyncs.kubeedge.io",
  "ruleendpoints.rules.kubeedge.io",
  "rules.rules.kubeedge.io",
  "serviceaccountaccesses.policy.kubeedge.io",
];

describe("the fleet's kinds", () => {
  let cluster: Cluster;
  let client: KubeClient;
  beforeAll(async () => {
    cluster = await openCluster({ controllers: false });
    client = cluster.server.client;
    expect((await installCrds(client)).every(({ done }) => done === "created")).toBe(true);
  });
  afterAll(async () => await cluster[Symbol.asyncDispose]());

  const devices = { group: "devices.kubeedge.io", version: "v1beta1", resource: "devices" };
  const device = (spec: unknown, name: string): KubeObject => ({
    apiVersion: "devices.kubeedge.io/v1beta1",
    kind: "Device",
    metadata: { name, namespace: "default" },
    spec,
  });
  const reasonOf = async (work: Promise<unknown>) =>
    await work.then(
      () => "none",
      (error: unknown) => (error instanceof KubeError ? error.reason : String(error)),
    );

  test("are thirteen, with KubeEdge's names", () => {
    expect(
      crds()
        .map(({ metadata }) => metadata.name ?? "")
        .toSorted(),
    ).toEqual(names);
  });

  test("are all established", async () => {
    const { items } = await client.list(definitions);
    for (const name of names) {
      const found = items.find(({ metadata }) => metadata.name === name);
      expect(JSON.stringify(found?.["status"])).toContain('"type":"Established"');
    }
  });

  test("are left as they are by a second installation", async () => {
    const before = (await client.list(definitions)).items.map(({ metadata }) => metadata.resourceVersion);
    expect((await installCrds(client)).map(({ done }) => done)).toEqual(names.map(() => "unchanged"));
    const after = (await client.list(definitions)).items.map(({ metadata }) => metadata.resourceVersion);
    expect(after).toEqual(before);
  });

  test("keep what a definition in the cluster has beyond ours, and get back what it lacks", async () => {
    const name = "nodegroups.apps.kubeedge.io";
    const there = structuredClone(await client.get(definitions, { name }));
    const versions = (there as unknown as Definition).spec.versions;
    const { properties } = versions[0]!.schema.openAPIV3Schema.properties["spec"]!;
    delete properties!["nodes"];
    properties!["later"] = { type: "string" };
    await client.update(definitions, there);
    const done = await installCrds(client);
    expect(done.filter(({ done: what }) => what !== "unchanged")).toEqual([{ name, done: "updated" }]);
    const now = (await client.get(definitions, { name })) as unknown as Definition;
    const kept = now.spec.versions[0]?.schema.openAPIV3Schema.properties["spec"]?.properties;
    expect(kept).toMatchObject({ nodes: { type: "array" }, later: { type: "string" } });
  });

  test("keep what a mapper is told of a device, and refuse what has a wrong type", async () => {
    const spec = {
      deviceModelRef: { name: "m" },
      nodeName: "edge-1",
      protocol: { protocolName: "modbus", configData: { slaveID: 1, deep: { any: [1, "x"] } } },
      properties: [{ name: "t", collectCycle: 1000, desired: { value: "20", metadata: { unit: "C" } } }],
    };
    const made = await client.create(devices, device(spec, "a"));
    expect(made["spec"]).toEqual(spec);
    expect(await reasonOf(client.create(devices, device({ nodeName: 7 }, "b")))).toBe("Invalid");
    const property = { name: "t", desired: {} };
    expect(await reasonOf(client.create(devices, device({ properties: [property] }, "c")))).toBe("Invalid");
  });

  // cloudcore 1.23.0 makes the DeviceStatus of a new Device so; without it no edge hears of the device.
  test("take the nulls of programs that know no difference from nothing", async () => {
    const statuses = { ...devices, resource: "devicestatuses" };
    const made = await client.create(statuses, {
      apiVersion: "devices.kubeedge.io/v1beta1",
      kind: "DeviceStatus",
      metadata: { name: "t1", namespace: "default" },
      spec: {},
      status: { extensions: null, twins: null },
    } as KubeObject);
    expect(made["status"]).toEqual({});
  });

  test("have a status of their own where KubeEdge's have", () => {
    const withStatus = crds().filter((crd) =>
      (crd as unknown as Definition).spec.versions.some(({ subresources }) => subresources),
    );
    expect(withStatus.map(({ metadata }) => metadata.name ?? "").toSorted()).toEqual(
      names.filter((name) => !/^(?:devices|devicemodels|devicestatuses|rules|ruleendpoints)\./.test(name)),
    );
  });
});

interface Definition {
  readonly spec: {
    readonly versions: readonly {
      readonly subresources?: object;
      readonly schema: {
        readonly openAPIV3Schema: { readonly properties: Record<string, Node> };
      };
    }[];
  };
}

interface Node {
  readonly properties?: Record<string, object>;
}
