/** A hub on a real embedded API, with a clock that a test may turn, and one source of configmaps. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Clock, systemClock } from "../../../src/base/clock.ts";
import { openApiServer } from "../../../src/fleet/cloud/apiserver/server.ts";
import { installCrds } from "../../../src/fleet/cloud/crds/install.ts";
import type { Delivery, Source } from "../../../src/fleet/cloud/hub/hub.ts";
import { type HubOptions, openHub, type OpenHub } from "../../../src/fleet/cloud/hub/open.ts";
import { Informers } from "../../../src/fleet/cloud/informer/informers.ts";
import type { KubeClient, KubeObject, ResourceId } from "../../../src/spec/kubernetes/kube.ts";
import { connectEdge, type Connect, type FakeEdge, type Identity, joinEdge } from "./fake-edge.ts";

export const core = (resource: string): ResourceId => ({ group: "", version: "v1", resource });
export const syncs = (resource: string): ResourceId => ({
  group: "reliablesyncs.kubeedge.io",
  version: "v1alpha1",
  resource,
});

export interface Api extends AsyncDisposable {
  readonly client: KubeClient;
}

export async function openApi(): Promise<Api> {
  const folder = mkdtempSync(join(tmpdir(), "sampan-hub-"));
  const server = await openApiServer({
    folder,
    host: "127.0.0.1",
    port: 0,
    log: () => {},
    controllers: false,
  });
  await installCrds(server.client);
  return {
    client: server.client,
    [Symbol.asyncDispose]: async () => {
      await server.close();
      rmSync(folder, { recursive: true });
    },
  };
}

export interface Cloud extends AsyncDisposable {
  readonly hub: OpenHub;
  readonly lines: readonly string[];
  /** What the nodes should have. */
  readonly wanted: Map<string, KubeObject>;
  join(node: string): Promise<Identity>;
  connect(node: string, identity: Identity, more?: Partial<Connect>): Promise<FakeEdge>;
}

export async function openCloudHub(client: KubeClient, more: Partial<HubOptions> = {}): Promise<Cloud> {
  const stop = new AbortController();
  const clock = more.clock ?? systemClock();
  const lines: string[] = [];
  const log = (text: string) => void lines.push(text);
  const informers = new Informers({ client, clock, log, signal: stop.signal });
  const base = { client, informers, clock, log, signal: stop.signal };
  const hub = await openHub({
    ...base,
    host: "127.0.0.1",
    port: 0,
    joinPort: 0,
    names: ["127.0.0.1"],
    ...more,
  });
  const wanted = new Map<string, KubeObject>();
  hub.addSource(sourceOf(wanted));
  return {
    hub,
    lines,
    wanted,
    join: async (node) =>
      await joinEdge({ host: "127.0.0.1", joinPort: hub.joinPort, node, token: await hub.token() }),
    connect: async (node, identity, options) =>
      await connectEdge({ host: "127.0.0.1", port: hub.port, node, identity, ...options }),
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await hub[Symbol.asyncDispose]();
      await informers.ended();
    },
  };
}

function sourceOf(wanted: ReadonlyMap<string, KubeObject>): Source {
  return {
    kinds: [{ apiVersion: "v1", kind: "ConfigMap" }],
    wanted: () =>
      [...wanted.values()].map(({ ...object }) => ({ object, type: "configmap", source: "edgecontroller" })),
  };
}

export function configMap(name: string, version: number, uid = `uid-of-${name}`): KubeObject {
  const metadata = { name, namespace: "default", uid, resourceVersion: String(version) };
  return { apiVersion: "v1", kind: "ConfigMap", metadata, data: { version: String(version) } };
}

export function delivery(object: KubeObject, operation: Delivery["operation"] = "update"): Delivery {
  return { operation, object, type: "configmap", source: "edgecontroller" };
}

/** A clock that goes on when it is told to. */
export class Turned implements Clock {
  private time: number;
  private readonly planned = new Set<{ readonly at: number; readonly call: () => void }>();

  constructor(time = Date.now()) {
    this.time = time;
  }

  now(): number {
    return this.time;
  }

  after(milliseconds: number, call: () => void): () => void {
    const plan = { at: this.time + Math.max(0, milliseconds), call };
    this.planned.add(plan);
    return () => void this.planned.delete(plan);
  }

  /** As somebody does who sets a clock: timers go by the time that passes. */
  set(milliseconds: number): void {
    this.time += milliseconds;
    const planned = [...this.planned];
    this.planned.clear();
    for (const { at, call } of planned) this.planned.add({ at: at + milliseconds, call });
  }

  /** Second by second; what is due is called in between. */
  async pass(milliseconds: number): Promise<void> {
    for (let left = milliseconds; left > 0; left -= 1000) {
      this.time += Math.min(1000, left);
      for (const plan of [...this.planned].filter(({ at }) => at <= this.time))
        if (this.planned.delete(plan)) plan.call();
      // What the sockets have meanwhile is taken in between.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}
