/** `kubectl top`, answered from figures that the test gives. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import type { ResourceMetrics } from "../../../src/fleet/cloud/apiserver/metrics.ts";
import { needing } from "../../needs.ts";
import { openCluster, type Cluster } from "./_server.ts";
import { type Client, clientOf, person } from "./hostile/_client.ts";

const measured = { at: Date.UTC(2026, 0, 2, 3, 4, 5), window: 15 } as const;
const usage = (cores: number, mebibytes: number) => ({ cpu: cores * 1e9, memory: mebibytes * 1024 * 1024 });
const source: ResourceMetrics = {
  nodes: () => [
    { name: "edge-1", usage: usage(0.25, 512), ...measured },
    { name: "gone", usage: usage(1, 1), ...measured },
  ],
  pods: (namespace) =>
    [
      {
        namespace: "default",
        name: "web",
        containers: [
          { name: "a", usage: usage(0.1, 20) },
          { name: "b", usage: usage(0.05, 10) },
        ],
        ...measured,
      },
      {
        namespace: "kube-system",
        name: "dns",
        containers: [{ name: "a", usage: usage(0.01, 5) }],
        ...measured,
      },
    ].filter((each) => namespace === undefined || each.namespace === namespace),
};

const pod = (namespace: string, name: string, containers: readonly string[]) => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace, labels: { app: name } },
  spec: { containers: containers.map((each) => ({ name: each, image: "a" })) },
});

let cluster: Cluster;
let admin: Client;

beforeAll(async () => {
  cluster = await openCluster({ controllers: false, metrics: source });
  admin = clientOf(cluster, await person(cluster, "admin", "system:masters"));
  const capacity = { cpu: "1", memory: "1Gi", pods: "10" };
  const node = {
    metadata: { name: "edge-1", labels: { zone: "a" } },
    status: { capacity, allocatable: capacity },
  };
  await make("/api/v1/nodes", node);
  for (const namespace of ["default", "kube-system"])
    await make(`/api/v1/namespaces/${namespace}/serviceaccounts`, { metadata: { name: "default" } });
  await make("/api/v1/namespaces/default/pods", pod("default", "web", ["a", "b"]));
  await make("/api/v1/namespaces/kube-system/pods", pod("kube-system", "dns", ["a"]));
});

afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

async function make(path: string, object: object): Promise<void> {
  const { code, text } = await admin.send("POST", path, { body: JSON.stringify(object) });
  expect(code, text).toBe(201);
}

const root = "/apis/metrics.k8s.io/v1beta1";

async function got(path: string): Promise<Record<string, unknown>> {
  const { code, text } = await admin.send("GET", root + path);
  expect(code, text).toBe(200);
  return JSON.parse(text) as Record<string, unknown>;
}

const names = ({ items }: Record<string, unknown>) =>
  (items as { metadata: { name: string } }[]).map(({ metadata }) => metadata.name);

test("a node's figures are quantities with their time and window", async () => {
  expect(await got("/nodes/edge-1")).toMatchObject({
    kind: "NodeMetrics",
    apiVersion: "metrics.k8s.io/v1beta1",
    metadata: { name: "edge-1", labels: { zone: "a" } },
    timestamp: "2026-01-02T03:04:05Z",
    window: "15s",
    usage: { cpu: "250000000n", memory: "524288Ki" },
  });
});

test("what is gone has no figures any more", async () => {
  expect(names(await got("/nodes"))).toEqual(["edge-1"]);
  expect((await admin.send("GET", `${root}/nodes/gone`)).code).toBe(404);
  expect((await admin.send("GET", `${root}/namespaces/default/pods/dns`)).code).toBe(404);
});

test("pods are chosen by their namespace, labels and name", async () => {
  expect(names(await got("/pods"))).toEqual(["web", "dns"]);
  expect(names(await got("/namespaces/kube-system/pods"))).toEqual(["dns"]);
  expect(names(await got("/pods?labelSelector=app%3Dweb"))).toEqual(["web"]);
  expect(names(await got("/pods?fieldSelector=metadata.name%3Ddns"))).toEqual(["dns"]);
});

test("figures are read alone", async () => {
  const ways = [
    ["POST", "/namespaces/default/pods"],
    ["PUT", "/nodes/edge-1"],
    ["DELETE", "/nodes/edge-1"],
    ["GET", "/nodes?watch=1"],
  ] as const;
  for (const [method, path] of ways) expect((await admin.send(method, root + path)).code).toBe(405);
});

const kubectls = [...new Set([Bun.which("kubectl") ?? "kubectl", "/usr/bin/kubectl"])].filter(
  (path, index) => index === 0 || existsSync(path),
);
const { test: kubectlTest } = needing({ programs: ["kubectl"] });

describe.each(kubectls)("%s top", (program) => {
  const top = async (...args: string[]) => {
    const child = Bun.spawn([program, "top", ...args], {
      env: { ...process.env, KUBECONFIG: cluster.kubeconfig, HOME: cluster.folder },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
      timeout: 50_000,
    });
    const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
    expect(code, err).toBe(0);
    return out;
  };

  kubectlTest("node shows shares of what is allocatable", async () => {
    expect(await top("node")).toMatch(/^edge-1 +250m +25% +512Mi +50%/m);
  });

  kubectlTest("pod adds up containers, or shows each", async () => {
    expect(await top("pod")).toMatch(/^web +150m +30Mi/m);
    expect(await top("pod", "--containers", "-l", "app=web")).toMatch(/^web +b +50m +10Mi/m);
    expect(await top("pod", "-A")).toMatch(/^kube-system +dns +10m +5Mi/m);
  });
});
