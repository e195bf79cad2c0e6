/** A real embedded API, a hub without a network, and whatever controllers a test starts on them. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../../src/base/clock.ts";
import { openApiServer } from "../../../src/fleet/cloud/apiserver/server.ts";
import { ids } from "../../../src/fleet/cloud/edgecontroller/ids.ts";
import { Informers } from "../../../src/fleet/cloud/informer/informers.ts";
import type { CloudContext, CloudPart } from "../../../src/fleet/cloud/part.ts";
import type { KubeClient, KubeObject, ResourceId } from "../../../src/spec/kubernetes/kube.ts";
import { openFakeHub, type FakeHub } from "../fake-hub.ts";

export interface TestCloud extends AsyncDisposable {
  readonly client: KubeClient;
  readonly hub: FakeHub;
  readonly context: CloudContext;
  readonly logged: readonly string[];
  create(resource: ResourceId, object: Partial<KubeObject>): Promise<KubeObject>;
  /** A node of this name, and its session. */
  join(node: string, version?: string, labels?: Record<string, string>): Promise<KubeObject>;
  /** A pod that is bound to the node; resolves when the edge controller knows of it. */
  run(node: string, name: string, spec?: object): Promise<KubeObject>;
  /** Resolves when the informer knows the object in this version or a newer one. */
  seen(resource: ResourceId, object: KubeObject): Promise<void>;
}

/** `before` has the API before any part looks at it. */
export async function openTestCloud(
  parts: readonly CloudPart[],
  before: (client: KubeClient) => Promise<unknown> = async () => {},
): Promise<TestCloud> {
  const folder = mkdtempSync(join(tmpdir(), "sampan-controllers-"));
  const logged: string[] = [];
  const log = (text: string): void => void logged.push(text);
  const server = await openApiServer({ folder, host: "127.0.0.1", port: 0, log, controllers: false });
  await server.whenReady;
  const stop = new AbortController();
  const { client } = server;
  await before(client);
  const clock = systemClock();
  const informers = new Informers({ client, clock, log, signal: stop.signal });
  const hub = openFakeHub();
  const context: CloudContext = { client, informers, hub, clock, log, signal: stop.signal };
  const running = await Promise.all(parts.map((part) => part(context)));
  const create: TestCloud["create"] = (resource, object) =>
    client.create(resource, { apiVersion: "v1", kind: "", metadata: {}, ...object });
  for (const name of ["default", "other"])
    await client
      .create(
        { group: "", version: "v1", resource: "namespaces" },
        { apiVersion: "v1", kind: "Namespace", metadata: { name } },
      )
      .catch(() => undefined);
  for (const namespace of ["default", "other"])
    await create(ids.serviceAccounts, { kind: "ServiceAccount", metadata: { name: "default", namespace } });
  return {
    client,
    hub,
    context,
    logged,
    create,
    async join(node, version, labels = {}) {
      const made = await create(ids.nodes, { kind: "Node", metadata: { name: node, labels } });
      await seen(informers, ids.nodes, made);
      hub.connect(node, version);
      return made;
    },
    async run(node, name, spec = {}) {
      const containers = [{ name: "c", image: "busybox:1" }];
      const made = await create(ids.pods, {
        kind: "Pod",
        metadata: { name, namespace: "default" },
        spec: { nodeName: node, containers, ...spec },
      });
      await seen(informers, ids.pods, made);
      return made;
    },
    seen: (resource, object) => seen(informers, resource, object),
    async [Symbol.asyncDispose]() {
      for (const part of running) await part[Symbol.asyncDispose]();
      stop.abort();
      await informers.ended();
      await server.close();
      rmSync(folder, { recursive: true });
    },
  };
}

async function seen(informers: Informers, resource: ResourceId, object: KubeObject): Promise<void> {
  const informer = informers.of(resource);
  const { namespace, name = "", resourceVersion } = object.metadata;
  const { promise, resolve } = Promise.withResolvers<void>();
  const look = (): void => {
    const found = informer.store.get(namespace, name)?.metadata.resourceVersion;
    if (found !== undefined && Number(found) >= Number(resourceVersion)) resolve();
  };
  informer.onChange(look);
  look();
  await promise;
}
