/** A cluster for this folder's tests: the real storage and registry, the controllers, and kubelets that do at once what they are told. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { KubeClient, KubeObject, ResourceId } from "../../../../spec/kubernetes/kube.ts";
import { openResources } from "../crd/open.ts";
import { openRegistry } from "../registry/open.ts";
import { openStorage } from "../storage/open.ts";
import { builtInResources } from "../types/resources.ts";
import { timestamp, type Clock } from "../../../../base/clock.ts";
import { node } from "./_objects.ts";
import { kinds, type Pod } from "./kinds.ts";
import { startControllers, type ControllersOptions } from "./start.ts";

/** The machine's time, which `turn` moves on by as much as a test likes. */
export interface TurnedClock extends Clock {
  turn(milliseconds: number): void;
}

export function turnedClock(): TurnedClock {
  let offset = 0;
  const timers = new Set<{ readonly at: number; readonly fire: () => void }>();
  const now = (): number => Date.now() + offset;
  return {
    now,
    after(milliseconds, call) {
      const timer = { at: now() + milliseconds, fire };
      const real = setTimeout(fire, Math.min(milliseconds, 2 ** 31 - 1));
      function cancel(): void {
        clearTimeout(real);
        timers.delete(timer);
      }
      function fire(): void {
        cancel();
        call();
      }
      timers.add(timer);
      return cancel;
    },
    turn(milliseconds) {
      offset += milliseconds;
      for (const timer of [...timers].toSorted((a, b) => a.at - b.at)) {
        if (timer.at <= now()) timer.fire();
      }
    },
  };
}

/** What the kubelets make of a pod that is theirs; undefined leaves it as it is. */
export type Kubelet = (pod: Pod, now: number) => Pod["status"] | undefined;

/** Every pod runs and is ready. */
export function running(pod: Pod, now: number): Pod["status"] | undefined {
  if (pod.status?.phase === "Running") return undefined;
  const time = timestamp(now);
  return {
    ...pod.status,
    phase: "Running",
    startTime: time,
    podIP: `10.0.0.${(Number.parseInt((pod.metadata.uid ?? "0").slice(0, 6), 16) % 250) + 1}`,
    conditions: [
      { type: "PodScheduled", status: "True" },
      { type: "Ready", status: "True", lastTransitionTime: time },
    ],
  };
}

export interface TestCluster extends AsyncDisposable {
  readonly client: KubeClient;
  readonly clock: TurnedClock;
  /** What the controllers logged. */
  readonly logged: readonly string[];
  /** Ends the controllers, and begins anew with what the API has. */
  restart(): Promise<void>;
  /** Resolves with the objects of the kind as soon as they are as the check wants them. */
  until<Kind extends KubeObject>(
    resource: ResourceId,
    check: (objects: readonly Kind[]) => boolean,
  ): Promise<readonly Kind[]>;
}

export interface TestClusterOptions extends Partial<Omit<ControllersOptions, "client" | "clock">> {
  readonly kubelet?: Kubelet;
  /** What stands between the controllers and the API. */
  readonly through?: (client: KubeClient) => KubeClient;
}

const admin = { name: "system:test", groups: ["system:masters"], extra: {} };

export function openCluster(options: TestClusterOptions = {}): TestCluster {
  const { kubelet = running, through = (client: KubeClient) => client, ...rest } = options;
  const folder = mkdtempSync(join(tmpdir(), "sampan-controllers-"));
  const clock = turnedClock();
  const storage = openStorage({ folder, now: () => clock.now() });
  const resources = openResources({ builtIn: builtInResources(), storage, now: () => clock.now() });
  const client = openRegistry({ storage, resources, now: () => clock.now() }).client(admin);
  const logged: string[] = [];
  const stop = new AbortController();
  const kubelets = runKubelets(client, { kubelet, clock, signal: stop.signal });
  const log = (text: string): void => void logged.push(text);
  const start = (): AsyncDisposable =>
    startControllers({ client: through(client), log, clock, resources, ...rest });
  let controllers = start();
  return {
    client,
    clock,
    logged,
    async restart() {
      await controllers[Symbol.asyncDispose]();
      controllers = start();
    },
    until: (resource, check) => until(client, resource, check),
    async [Symbol.asyncDispose]() {
      await controllers[Symbol.asyncDispose]();
      stop.abort();
      await kubelets;
      await resources[Symbol.asyncDispose]();
      await storage[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true });
    },
  };
}

async function until<Kind extends KubeObject>(
  client: KubeClient,
  resource: ResourceId,
  check: (objects: readonly Kind[]) => boolean,
): Promise<readonly Kind[]> {
  const { items, resourceVersion } = await client.list(resource);
  const objects = new Map(items.map((item) => [item.metadata.uid, item as Kind]));
  const stop = new AbortController();
  try {
    if (check([...objects.values()])) return [...objects.values()];
    for await (const { type, object } of client.watch(resource, { resourceVersion, signal: stop.signal })) {
      if (type === "BOOKMARK") continue;
      if (type === "DELETED") objects.delete(object.metadata.uid);
      else objects.set(object.metadata.uid, object as Kind);
      if (check([...objects.values()])) break;
    }
    return [...objects.values()];
  } finally {
    stop.abort();
  }
}

async function runKubelets(
  client: KubeClient,
  { kubelet, clock, signal }: { kubelet: Kubelet; clock: Clock; signal: AbortSignal },
): Promise<void> {
  for await (const { type, object } of client.watch(kinds.pods, { resourceVersion: "0", signal })) {
    const pod = object as Pod;
    if (type === "DELETED" || type === "BOOKMARK" || !pod.spec.nodeName) continue;
    const key = { namespace: pod.metadata.namespace, name: pod.metadata.name ?? "" };
    try {
      if (pod.metadata.deletionTimestamp !== undefined) {
        if (pod.metadata.deletionGracePeriodSeconds === 0) continue;
        await client.delete(kinds.pods, key, { gracePeriodSeconds: 0 });
        continue;
      }
      const status = kubelet(pod, clock.now());
      if (status) await client.update(kinds.pods, { ...pod, status }, { subresource: "status" });
    } catch {
      // Somebody was quicker; the watch tells of what they wrote.
    }
  }
}

/** Waits for what every cluster has, and adds nodes `n1`, `n2`, …. */
export async function prepare(cluster: TestCluster, nodes = 2): Promise<void> {
  await cluster.until(kinds.serviceAccounts, (all) =>
    all.some(({ metadata }) => metadata.namespace === "default"),
  );
  for (let index = 1; index <= nodes; index++) {
    const { metadata, ...rest } = node(`n${index}`);
    const { uid: _, ...kept } = metadata;
    const made = await cluster.client.create(kinds.nodes, { ...rest, metadata: kept });
    await cluster.client.update(kinds.nodes, { ...made, status: rest.status }, { subresource: "status" });
  }
}

/** Takes the step again and again, with a turn of the loop between, until the wanted thing is there. */
export async function meanwhile<Result>(
  wanted: Promise<Result>,
  step: () => Promise<void> | void,
): Promise<Result> {
  let isOver = false;
  const ended = wanted.finally(() => {
    isOver = true;
  });
  while (!isOver) {
    await step();
    await new Promise((resolve) => setImmediate(resolve));
  }
  return ended;
}
