import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { SampanError } from "../../../src/base/errors.ts";
import { installCrds } from "../../../src/fleet/cloud/crds/install.ts";
import { openRemoteClient } from "../../../src/fleet/cloud/remote/open.ts";
import { readKubeconfig } from "../../../src/fleet/cloud/remote/kubeconfig.ts";
import {
  type KubeClient,
  KubeError,
  type KubeObject,
  type WatchEvent,
} from "../../../src/spec/kubernetes/kube.ts";
import { openCluster, type Cluster } from "../apiserver/_server.ts";

const configMaps = { group: "", version: "v1", resource: "configmaps" };
const nodes = { group: "", version: "v1", resource: "nodes" };

let cluster: Cluster;
let client: KubeClient & Disposable;

beforeAll(async () => {
  cluster = await openCluster({ controllers: false });
  client = await openRemoteClient({ kubeconfig: cluster.kubeconfig });
});
afterAll(async () => {
  client[Symbol.dispose]();
  await cluster[Symbol.asyncDispose]();
});

const configMap = (name: string, data: Record<string, string> = {}): KubeObject => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, namespace: "default" },
  data,
});

async function failure(work: Promise<unknown>): Promise<KubeError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(KubeError);
  return error as KubeError;
}

describe("a client over the network", () => {
  test("creates, gets, updates, patches and deletes like the one in the process", async () => {
    const made = await client.create(configMaps, configMap("a", { x: "1" }));
    expect(made.metadata.uid).toBeString();
    const key = { namespace: "default", name: "a" };
    expect(await client.get(configMaps, key)).toEqual(await cluster.server.client.get(configMaps, key));
    const updated = await client.update(configMaps, { ...made, data: { x: "2" } });
    expect(updated["data"]).toEqual({ x: "2" });
    const patched = await client.patch(
      configMaps,
      key,
      { data: { y: "3" } },
      {
        type: "application/merge-patch+json",
      },
    );
    expect(patched["data"]).toEqual({ x: "2", y: "3" });
    const applied = await client.patch(configMaps, key, configMap("a", { y: "4" }), {
      type: "application/apply-patch+yaml",
      force: true,
      fieldManager: "test",
    });
    expect(applied["data"]).toEqual({ x: "2", y: "4" });
    await client.delete(configMaps, key);
    expect((await failure(client.get(configMaps, key))).reason).toBe("NotFound");
  });

  test("lists with selectors and in pieces, each object with its kind", async () => {
    for (const name of ["l1", "l2", "l3"])
      await client.create(configMaps, {
        ...configMap(name),
        metadata: { name, namespace: "default", labels: { of: "list" } },
      });
    const all = await client.list(configMaps, { labelSelector: "of=list" });
    const local = await cluster.server.client.list(configMaps, { labelSelector: "of=list" });
    expect(all).toEqual({ resourceVersion: local.resourceVersion, items: [...local.items] });
    const first = await client.list(configMaps, { namespace: "default", labelSelector: "of=list", limit: 2 });
    expect(first.items.map(({ kind, apiVersion }) => `${apiVersion}/${kind}`)).toEqual([
      "v1/ConfigMap",
      "v1/ConfigMap",
    ]);
    const rest = await client.list(configMaps, {
      namespace: "default",
      labelSelector: "of=list",
      limit: 2,
      continue: first.continue ?? "",
    });
    expect(rest.items.map(({ metadata }) => metadata.name)).toEqual(["l3"]);
  });

  test("tells failures with the API's own reason, words and details", async () => {
    await client.create(configMaps, configMap("f"));
    const again = await failure(client.create(configMaps, configMap("f")));
    expect(again.status).toEqual(
      (await failure(cluster.server.client.create(configMaps, configMap("f")))).status,
    );
    const stale = { ...configMap("f"), metadata: { ...configMap("f").metadata, resourceVersion: "1" } };
    expect((await failure(client.update(configMaps, stale))).reason).toBe("Conflict");
    const bad = await failure(client.create(configMaps, configMap("No Name")));
    expect(bad.reason).toBe("Invalid");
    expect(bad.details?.causes?.[0]?.field).toBe("metadata.name");
  });

  test("watches: what is made, changed and deleted, until it is left", async () => {
    const { resourceVersion } = await client.list(configMaps);
    const stop = new AbortController();
    const seen: string[] = [];
    const watching = (async () => {
      for await (const { type, object } of client.watch(configMaps, {
        resourceVersion,
        signal: stop.signal,
      })) {
        seen.push(`${type} ${object.metadata.name}`);
        if (type === "DELETED") stop.abort();
      }
    })();
    await client.create(configMaps, configMap("w", { large: "x".repeat(300_000) }));
    await client.patch(
      configMaps,
      { namespace: "default", name: "w" },
      { data: { a: "b" } },
      {
        type: "application/merge-patch+json",
      },
    );
    await client.delete(configMaps, { namespace: "default", name: "w" });
    await watching;
    expect(seen).toEqual(["ADDED w", "MODIFIED w", "DELETED w"]);
  });

  test("ends a watch when the server does", async () => {
    const { resourceVersion } = await client.list(configMaps);
    const events: WatchEvent[] = [];
    for await (const event of client.watch(configMaps, { resourceVersion, timeoutSeconds: 1 }))
      events.push(event);
    expect(events).toEqual([]);
  });

  test("ends a request whose signal aborts", async () => {
    const signal = AbortSignal.abort();
    expect((await failure(client.get(nodes, { name: "x" }, signal))).reason).toBe("ServiceUnavailable");
  });

  test("installs the fleet's kinds", async () => {
    const done = await installCrds(client);
    expect(done.map((each) => each.done)).toEqual(done.map(() => "created"));
    expect((await installCrds(client)).every((each) => each.done === "unchanged")).toBe(true);
  });

  test("keeps names inside of their place in the path", async () => {
    const key = { namespace: "default", name: "../../../nodes" };
    expect((await failure(client.get(configMaps, key))).reason).toMatch(/NotFound|BadRequest|Invalid/);
  });
});

describe("with a token", () => {
  test("asks as its service account", async () => {
    const server = cluster.server.url;
    const ca = Buffer.from(cluster.server.authority.ca).toString("base64");
    const path = cluster.write(
      "token-config",
      JSON.stringify({
        "current-context": "c",
        contexts: [{ name: "c", context: { cluster: "c", user: "u" } }],
        clusters: [{ name: "c", cluster: { server, "certificate-authority-data": ca } }],
        users: [{ name: "u", user: { tokenFile: "token" } }],
      }),
    );
    cluster.write("token", "not-a-token\n");
    using other = await openRemoteClient({ kubeconfig: path });
    expect((await failure(other.list(nodes))).reason).toBe("Unauthorized");
  });
});

describe("an API that misbehaves", () => {
  let server: Server;
  let kubeconfig: string;
  const state = { answer: (_path: string): [status: number, body: string] => [200, "{}"] };
  beforeAll(async () => {
    const { key, certificate } = await cluster.server.authority.server();
    server = createServer({ key, cert: certificate }, (request, response) => {
      const [status, body] = state.answer(request.url ?? "");
      response.writeHead(status, { "Content-Type": "application/json" });
      if (body === "cut") response.write("{", () => response.destroy());
      else response.end(body);
    });
    await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const ca = Buffer.from(cluster.server.authority.ca).toString("base64");
    kubeconfig = cluster.write(
      "bad-config",
      JSON.stringify({
        "current-context": "c",
        contexts: [{ name: "c", context: { cluster: "c", user: "" } }],
        clusters: [
          {
            name: "c",
            cluster: { server: `https://127.0.0.1:${port}/base/`, "certificate-authority-data": ca },
          },
        ],
      }),
    );
  });
  afterAll(() => void server.close());

  const watchAll = async (other: KubeClient) => {
    for await (const _event of other.watch(nodes, { resourceVersion: "5" }));
  };

  test.each<[string, [number, string], string]>([
    ["plain words", [502, "bad gateway"], "InternalError"],
    ["no JSON", [200, "<html>"], "InternalError"],
    ["a list where an object belongs", [200, "[]"], "InternalError"],
    ["half an answer", [200, "cut"], "ServiceUnavailable"],
    ["a reason that nobody knows", [418, '{"kind":"Status","reason":"Teapot","code":418}'], "BadRequest"],
    [
      "too many requests",
      [429, '{"kind":"Status","reason":"TooManyRequests","code":429}'],
      "TooManyRequests",
    ],
  ])("that gives %s is told as a KubeError", async (_what, answer, reason) => {
    using other = await openRemoteClient({ kubeconfig });
    const paths: string[] = [];
    state.answer = (path) => {
      paths.push(path);
      return answer;
    };
    expect((await failure(other.get(nodes, { name: "n" }))).reason).toBe(reason as "InternalError");
    expect(paths).toEqual(["/base/api/v1/nodes/n"]);
  });

  test.each<[string, string, string]>([
    [
      "an error event",
      '{"type":"ERROR","object":{"kind":"Status","reason":"Expired","code":410}}\n',
      "Expired",
    ],
    ["an event without an object", '{"type":"ADDED"}\n', "InternalError"],
    ["an event of an unknown type", '{"type":"EATEN","object":{}}\n', "InternalError"],
    ["no JSON", "hello\n", "InternalError"],
  ])("that sends %s into a watch ends it with a KubeError", async (_what, line, reason) => {
    using other = await openRemoteClient({ kubeconfig });
    state.answer = () => [200, line];
    expect((await failure(watchAll(other))).reason).toBe(reason as "Expired");
  });

  test("is not believed without its certificate authority", async () => {
    const text = await Bun.file(kubeconfig).text();
    const path = cluster.write("no-ca", text.replace(/,"certificate-authority-data":"[^"]*"/, ""));
    using other = await openRemoteClient({ kubeconfig: path });
    state.answer = () => [200, '{"metadata":{}}'];
    expect((await failure(other.get(nodes, { name: "n" }))).reason).toBe("ServiceUnavailable");
  });
});

describe("a kubeconfig is refused", () => {
  const cluster1 = { name: "c", cluster: { server: "https://127.0.0.1:1" } };
  const context = { name: "c", context: { cluster: "c", user: "u" } };
  const config = (change: object) => ({
    "current-context": "c",
    contexts: [context],
    clusters: [cluster1],
    users: [{ name: "u", user: { token: "t" } }],
    ...change,
  });
  test.each<[string, object, string]>([
    [
      "that runs a program",
      { users: [{ name: "u", user: { exec: { command: "aws" } } }] },
      "logs in by a program",
    ],
    ["of an old login plugin", { users: [{ name: "u", user: { "auth-provider": {} } }] }, "auth-provider"],
    ["without a context", { "current-context": "" }, "current-context"],
    ["with another context", { "current-context": "d" }, 'no context "d"'],
    ["without its cluster", { clusters: [] }, "names no cluster"],
    ["without its user", { users: [] }, 'no user "u"'],
    ["without TLS", { clusters: [{ name: "c", cluster: { server: "http://x" } }] }, "wanted https"],
    [
      "with a proxy",
      { clusters: [{ name: "c", cluster: { ...cluster1.cluster, "proxy-url": "http://p" } }] },
      "proxy",
    ],
    [
      "with data that is no certificate",
      { users: [{ name: "u", user: { "client-certificate-data": "aGVsbG8=" } }] },
      "client-certificate-data",
    ],
  ])("%s", async (_what, change, words) => {
    const path = cluster.write("refused", JSON.stringify(config(change)));
    const error: unknown = await readKubeconfig(path).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(SampanError);
    expect((error as SampanError).message).toContain(words);
  });

  test("that is not there", async () => {
    const error: unknown = await readKubeconfig(`${cluster.folder}/none`).catch((reason: unknown) => reason);
    expect((error as SampanError).code).toBe("not_found");
  });
});
