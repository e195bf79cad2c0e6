/** Edged: brings the pods that are wanted on this node to life on the engine, keeps them so, and tells what became of them. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { SampanError } from "../../../base/errors.ts";
import { version } from "../../../base/version.ts";
import type { KubeObject } from "../../../spec/kubernetes/kube.ts";
import type { Pod, PodStatus } from "../../../spec/kubernetes/pod.ts";
import type { EdgeContext } from "../part.ts";
import type { PodAccess } from "./access.ts";
import { Admission } from "./admit.ts";
import type { Room } from "./admission.ts";
import { PodEvents } from "./events.ts";
import type { Thresholds } from "./eviction.ts";
import { availableMemory, nodeFacts, nodeInfo, processCount, spaceOf } from "./host.ts";
import { isMirror } from "./manifests.ts";
import { openMeans } from "./means.ts";
import { NodeReporter, nodeTimes, type NodeTimes } from "./node.ts";
import { pressures, type NodeOptions, type NodeState } from "./node-status.ts";
import { openAccess } from "./pod-access.ts";
import type { EdgedParts, Listener } from "./parts.ts";
import { PressureWatch } from "./pressure.ts";
import { Reporter } from "./report.ts";
import { podLabels } from "./sandbox.ts";
import { StaticPods } from "./static-pods.ts";
import { isTerminal } from "./status.ts";
import type { NodeFacts } from "./translate.ts";
import { asPod, Workers } from "./workers.ts";

export interface EdgedOptions {
  /** This node's addresses; those of the device that leads out without it. */
  readonly ips?: readonly string[];
  /** Who answers the names of services, and below which domain they stand. */
  readonly clusterDns?: readonly string[];
  readonly clusterDomain?: string;
  /** PEM: who signed for the API that this node serves to its pods. */
  readonly apiAuthority?: () => string | undefined;
  /** For the variables of containers; those of the store without it. */
  readonly services?: () => readonly KubeObject[];
  readonly node?: NodeOptions;
  /** How many pods the node says that it takes; 110. */
  readonly pods?: number;
  /** Bytes of memory that are not for pods; 100 MiB. */
  readonly reserved?: number;
  /** `v1.32.0-kubeedge-v1.23.0`: by it a cloud knows what this edge understands. */
  readonly version?: string;
  /** The folder of static pods; none without it. */
  readonly manifests?: string;
  /** Events of pods are told; true. */
  readonly events?: boolean;
  /** When the store has what the cloud said last: before, no pod is ended for not standing in it. At once without it. */
  readonly known?: Promise<void>;
  readonly times?: Partial<NodeTimes>;
  readonly thresholds?: Thresholds;
  /** In the place of means.ts. */
  readonly means?: typeof openMeans;
}

export interface Edged extends PodAccess {
  /** Tries again at once what waits for a while, of one pod or of all. */
  retry(uid?: string): void;
  readonly facts: NodeFacts;
  /** As they are at the moment. */
  pods(): readonly PodNow[];
}

export interface PodNow {
  readonly pod: Pod;
  readonly status: PodStatus | undefined;
  /** It is on its way out. */
  readonly isEnding: boolean;
}

export const defaultVersion = "v1.32.0-kubeedge-v1.23.0";
const defaults = { pods: 110, reserved: 100 << 20 } as const;

/** Containers run on when it is disposed of. */
export async function openEdged(
  context: EdgeContext,
  options: EdgedOptions = {},
): Promise<Edged & AsyncDisposable> {
  await using stack = new AsyncDisposableStack();
  const controller = new AbortController();
  const signal = AbortSignal.any([context.signal, controller.signal]);
  const inner: EdgeContext = { ...context, signal };
  const root = join(context.root, "edged");
  const folder = join(root, "state");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const { engine, meta, clock, log, node } = context;
  const facts = factsOf(inner, options);
  const means = (options.means ?? openMeans)({ engine, meta, clock, log }, { root, facts });
  stack.use(means.probes);
  const parts: EdgedParts = {
    engine,
    meta,
    clock,
    log,
    signal,
    facts,
    means,
    folder,
    services: options.services ?? (() => meta.list("service")),
    admit: async (pod, abort) => await admission.admit(pod, abort),
  };
  let statics: StaticPods | undefined;
  const isStatic = ({ metadata }: Pod) => statics?.has(metadata.uid ?? "") === true;
  const admission = new Admission({
    ...inner,
    facts,
    workers: () => workers.all(),
    isStatic,
    room: () => roomOf(inner, { options, facts, watch }),
  });
  const reporter = stack.use(new Reporter(inner, (pod) => cloudUid(statics, pod)));
  const workers: Workers = new Workers({
    parts,
    listener: listenerOf(inner, { reporter, options, workers: () => workers }),
    before: (pod) => keptStatus(context, pod),
    most: options.pods ?? defaults.pods,
  });
  stack.use(workers);
  let reports: NodeReporter | undefined;
  const access = openAccess({ engine, workers, node, clock });
  const watch: PressureWatch = new PressureWatch({
    ...inner,
    workers: () => workers.all(),
    isStatic,
    volumes: means.volumes,
    summary: async () => await access.summary(),
    signals: () => ({
      memory: { total: facts.memory, available: availableMemory() },
      disk: spaceOf(engine.store.root),
      pids: processCount(),
    }),
    ...(options.thresholds && { thresholds: options.thresholds }),
    changed: () => reports?.look(),
    every: { ...nodeTimes, ...options.times }.look,
  });
  // Before all others: what they wait for ends at once then.
  stack.defer(() => controller.abort());
  for (const line of await engine.pods.restore()) log(line);
  void followEngine(inner, workers);
  means.probes.onVerdict((result) => workers.get(result.pod)?.probed(result));
  stack.use(followMeta(inner, workers));
  for (const object of meta.list("pod")) wantFromCloud(inner, workers, object);
  if (options.manifests !== undefined)
    statics = stack.use(staticPods(inner, { folder: options.manifests, workers, reporter }));
  const settle = async () => {
    workers.endRest();
    await means.volumes.sweep(workers.uids);
  };
  if (options.known) void settleWhen(options.known, inner, settle);
  else await settle();
  stack.use(retryWhenLinked(inner, workers));
  const info = nodeInfo({ runtime: version, kubelet: options.version ?? defaultVersion });
  reports = new NodeReporter({
    ...inner,
    state: () => nodeState(inner, { options, facts, watch, info }),
    options: options.node ?? {},
    times: { ...nodeTimes, ...options.times },
  });
  stack.use(reports);
  watch.begin();
  const opened = stack.move();
  return {
    ...access,
    facts,
    pods: () =>
      workers.all().map(({ pod, status, ending }) => ({ pod, status, isEnding: ending !== undefined })),
    retry: (uid) => {
      for (const worker of workers.all()) if (uid === undefined || worker.uid === uid) worker.retry();
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

function factsOf(
  { node, meta }: EdgeContext,
  { ips, clusterDns, clusterDomain, apiAuthority }: EdgedOptions,
): NodeFacts {
  return nodeFacts({
    name: node,
    ...(ips && { ips }),
    ...(clusterDns && { clusterDns }),
    ...(clusterDomain !== undefined && { clusterDomain }),
    ...(apiAuthority && { apiAuthority }),
    node: () => meta.get({ type: "node", name: node }),
  });
}

async function settleWhen(
  known: Promise<void>,
  { log, signal }: EdgeContext,
  settle: () => Promise<void>,
): Promise<void> {
  try {
    await known;
    if (!signal.aborted) await settle();
  } catch (error) {
    if (!signal.aborted) log(`cannot end pods that are not wanted: ${SampanError.from(error).message}`);
  }
}

/** Undefined: the cloud does not know it yet. */
function cloudUid(statics: StaticPods | undefined, { metadata: { uid = "" } }: Pod): string | undefined {
  return statics?.has(uid) === true ? statics.mirror(uid) : uid;
}

interface ListenerParts {
  readonly reporter: Reporter;
  readonly options: EdgedOptions;
  readonly workers: () => Workers;
}

function listenerOf(context: EdgeContext, { reporter, options, workers }: ListenerParts): Listener {
  const events = options.events === false ? undefined : new PodEvents(context);
  return {
    status: (pod, status) => {
      reporter.status(pod, status);
      keep(context, pod, status);
    },
    event: (pod, type, what) => events?.tell(pod, type, what),
    ended: (pod) => reporter.ended(pod),
    gone: (uid) => {
      forgetStatus(context, workers().get(uid)?.pod);
      reporter.forget(uid);
      workers().forget(uid);
    },
  };
}

function staticPods(
  context: EdgeContext,
  {
    folder,
    workers,
    reporter,
  }: { readonly folder: string; readonly workers: Workers; readonly reporter: Reporter },
): StaticPods {
  return new StaticPods({
    ...context,
    folder,
    want: (pod) => workers.want(pod, { isOwn: true }),
    unwant: (uid) => workers.unwant(uid),
    mirrored: (pod) => reporter.again(pod),
  });
}

/** What could not be had without the cloud may be had now. */
function retryWhenLinked({ link }: EdgeContext, workers: Workers): Disposable {
  let was = link.connected;
  return link.onChange((connected) => {
    if (connected && !was) for (const worker of workers.all()) worker.retry();
    was = connected;
  });
}

interface StateParts {
  readonly options: EdgedOptions;
  readonly facts: NodeFacts;
  readonly watch: PressureWatch;
  readonly info: NodeState["info"];
}

function nodeState({ node, engine }: EdgeContext, { options, facts, watch, info }: StateParts): NodeState {
  return {
    name: node,
    ips: facts.ips,
    processors: facts.processors,
    memory: facts.memory,
    disk: spaceOf(engine.store.root).total,
    pods: options.pods ?? defaults.pods,
    reserved: options.reserved ?? defaults.reserved,
    info,
    pressures: {
      MemoryPressure: watch.isUnder("MemoryPressure"),
      DiskPressure: watch.isUnder("DiskPressure"),
      PIDPressure: watch.isUnder("PIDPressure"),
    },
  };
}

/** As its Node object tells it. */
function roomOf(
  { engine }: EdgeContext,
  { options, facts, watch }: Omit<StateParts, "info">,
): Omit<Room, "others"> {
  return {
    allocatable: {
      cpu: facts.processors * 1000,
      memory: facts.memory - (options.reserved ?? defaults.reserved),
      "ephemeral-storage": Math.floor(spaceOf(engine.store.root).total * 0.9),
    },
    pressures: pressures.filter((each) => watch.isUnder(each)),
  };
}

/** Types whose changes may let a pod start that could not, or renew what stands in its volumes. */
const sources = ["configmap", "secret", "persistentvolume", "persistentvolumeclaim"];

function followMeta(context: EdgeContext, workers: Workers): Disposable {
  return context.meta.follow(["pod", ...sources], ({ key, object }) => {
    if (key.type !== "pod") {
      for (const worker of workers.all())
        if (key.namespace === undefined || worker.pod.metadata.namespace === key.namespace) {
          worker.retry({ pulls: key.type === "secret" });
          worker.refresh();
        }
    } else if (object === undefined) workers.unwantNamed(key.namespace ?? "default", key.name);
    else wantFromCloud(context, workers, object);
  });
}

/** Mirrors are of this node's own files. */
function wantFromCloud({ node, log }: EdgeContext, workers: Workers, object: KubeObject): void {
  const pod = asPod(object);
  if (!pod) return log(`pod "${String(object.metadata.name)}" cannot be run: it has no uid or no containers`);
  if (pod.spec.nodeName !== node || isMirror(pod)) return;
  workers.want(pod);
}

/** Containers begin and end; a listener that is too slow loses some, so each wakes only those who look for themselves. */
async function followEngine(
  { engine, log, signal }: Pick<EdgeContext, "engine" | "log" | "signal">,
  workers: Workers,
): Promise<void> {
  try {
    for await (const { type, action, attributes } of engine.events.follow({ signal })) {
      if (type !== "container" || !["start", "die", "oom", "destroy"].includes(action)) continue;
      workers.get(attributes[podLabels.uid] ?? "")?.wake();
    }
  } catch (error) {
    if (!signal.aborted) log(`cannot follow the engine: ${SampanError.from(error).message}`);
  }
}

const key = ({ metadata }: Pod) => ({
  namespace: metadata.namespace ?? "default",
  type: "podpatch",
  name: metadata.name ?? "",
});

/** What must outlive this process: when it began, and that it has ended. */
function keptStatus({ meta }: EdgeContext, pod: Pod): PodStatus | undefined {
  const object = meta.get(key(pod)) as Partial<Pod> | undefined;
  return object?.metadata?.uid === pod.metadata.uid ? object?.status : undefined;
}

function forgetStatus(context: EdgeContext, pod: Pod | undefined): void {
  if (!pod || !keptStatus(context, pod)) return;
  context.meta.forget(key(pod)).catch((error: unknown) => context.log(SampanError.from(error).message));
}

/** Written only when that changes: a disk of an edge has only so many writes. */
function keep(context: EdgeContext, pod: Pod, status: PodStatus): void {
  const before = keptStatus(context, pod);
  const isSame = before?.phase === status.phase && (before?.reason === status.reason || !isTerminal(status));
  // One that has not begun has nothing to lose, and its start is not held up by the disk.
  if (isSame || status.phase === "Pending") return;
  const { name = "", namespace = "default", uid = "" } = pod.metadata;
  const object = { apiVersion: "v1", kind: "Pod", metadata: { name, namespace, uid }, status };
  context.meta.keep(key(pod), object).catch((error: unknown) => {
    context.log(`cannot keep the status of pod "${namespace}/${name}": ${SampanError.from(error).message}`);
  });
}
