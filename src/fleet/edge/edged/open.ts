/** Edged: brings the pods that are wanted on this node to life on the engine, keeps them so, and tells what became of them. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { SampanError } from "../../../base/errors.ts";
import type { KubeObject } from "../../../spec/kubernetes/kube.ts";
import type { Pod, PodStatus } from "../../../spec/kubernetes/pod.ts";
import type { EdgeContext } from "../part.ts";
import type { PodAccess } from "./access.ts";
import { openAccess } from "./pod-access.ts";
import type { EdgedParts, Listener, Means } from "./parts.ts";
import { Reporter } from "./report.ts";
import { podLabels } from "./sandbox.ts";
import { isTerminal } from "./status.ts";
import type { NodeFacts } from "./translate.ts";
import { asPod, Workers } from "./workers.ts";

export interface EdgedOptions {
  readonly facts: NodeFacts;
  readonly means: (parts: { readonly root: string; readonly facts: NodeFacts }) => Means;
}

export interface Edged extends PodAccess {
  /** Tries again at once what waits for a while, of one pod or of all. */
  retry(uid?: string): void;
}

/** Containers run on when it is disposed of. */
export async function openEdged(
  context: EdgeContext,
  options: EdgedOptions,
): Promise<Edged & AsyncDisposable> {
  await using stack = new AsyncDisposableStack();
  const controller = new AbortController();
  stack.defer(() => controller.abort());
  const signal = AbortSignal.any([context.signal, controller.signal]);
  const root = join(context.root, "edged");
  const folder = join(root, "state");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const { engine, meta, clock, log } = context;
  const { facts } = options;
  const means = options.means({ root, facts });
  stack.use(means.probes);
  const reporter = stack.use(new Reporter({ ...context, signal }, ({ metadata }) => metadata.uid));
  const parts: EdgedParts = { engine, meta, clock, log, signal, facts, means, folder };
  const listener: Listener = {
    status: (pod, status) => {
      reporter.status(pod, status);
      keep(context, pod, status);
    },
    event: () => undefined,
    ended: (pod) => reporter.ended(pod),
    gone: (uid) => {
      reporter.forget(uid);
      workers.forget(uid);
    },
  };
  const workers = stack.use(new Workers({ parts, listener, before: (pod) => keptStatus(context, pod) }));
  await engine.pods.restore();
  means.probes.onVerdict((result) => workers.get(result.pod)?.probed(result));
  stack.use(followMeta(context, workers));
  for (const object of meta.list("pod")) wantFromCloud(context, workers, object);
  workers.endRest();
  await means.volumes.sweep(workers.uids);
  void followEngine({ engine, log, signal }, workers);
  const access = openAccess({ engine, workers, node: facts.name, clock });
  const opened = stack.move();
  return {
    ...access,
    retry: (uid) => {
      for (const worker of workers.all()) if (uid === undefined || worker.uid === uid) worker.retry();
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

/** Types whose changes may let a pod start that could not, or renew what stands in its volumes. */
const sources = ["configmap", "secret", "persistentvolume", "persistentvolumeclaim"];

function followMeta(context: EdgeContext, workers: Workers): Disposable {
  return context.meta.follow(["pod", ...sources], ({ key, object }) => {
    if (key.type !== "pod") {
      for (const worker of workers.all())
        if (key.namespace === undefined || worker.pod.metadata.namespace === key.namespace) {
          worker.retry();
          worker.refresh();
        }
    } else if (object === undefined) workers.unwantNamed(key.namespace ?? "default", key.name);
    else wantFromCloud(context, workers, object);
  });
}

export const mirrorAnnotation = "kubernetes.io/config.mirror";

/** Mirrors are of this node's own files. */
function wantFromCloud({ node, log }: EdgeContext, workers: Workers, object: KubeObject): void {
  const pod = asPod(object);
  if (!pod) return log(`pod "${String(object.metadata.name)}" cannot be run: it has no uid or no containers`);
  if (pod.spec.nodeName !== node || pod.metadata.annotations?.[mirrorAnnotation] !== undefined) return;
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

/** Written only when that changes: a disk of an edge has only so many writes. */
function keep(context: EdgeContext, pod: Pod, status: PodStatus): void {
  const before = keptStatus(context, pod);
  const isSame = before?.phase === status.phase && before?.reason === status.reason;
  if (isSame || (before !== undefined && !isTerminal(status) && before.phase === status.phase)) return;
  const { name = "", namespace = "default", uid = "" } = pod.metadata;
  const object = { apiVersion: "v1", kind: "Pod", metadata: { name, namespace, uid }, status };
  context.meta.keep(key(pod), object).catch((error: unknown) => {
    context.log(`cannot keep the status of pod "${namespace}/${name}": ${SampanError.from(error).message}`);
  });
}
