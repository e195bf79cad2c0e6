/** The workers of all pods of this node: who wants them (the cloud's pods in Meta, manifests on the disk), and who is left over from before. */
import type { KubeObject } from "../../../spec/kubernetes/kube.ts";
import type { Pod, PodStatus } from "../../../spec/kubernetes/pod.ts";
import type { LiveEngine } from "../../../engine/engine.ts";
import { isCritical } from "./admission.ts";
import { ownLabels } from "./observe.ts";
import type { EdgedParts, Listener } from "./parts.ts";
import { podLabels } from "./sandbox.ts";
import { isTerminal } from "./status.ts";
import { Worker } from "./worker.ts";

export interface WorkersOptions {
  readonly parts: EdgedParts;
  readonly listener: Listener;
  /** What was told of a pod before this process began. */
  readonly before: (pod: Pod) => PodStatus | undefined;
  /** How many pods there may be at once; who may make pods may name any node, past every scheduler. */
  readonly most: number;
}

export class Workers implements AsyncDisposable {
  readonly #options: WorkersOptions;
  readonly #byUid = new Map<string, Worker>();
  /** Sandboxes that were there at the beginning, by UID. */
  readonly #found: Map<string, string>;

  constructor(options: WorkersOptions) {
    this.#options = options;
    const { engine, facts } = options.parts;
    this.#found = new Map(sandboxesOf(engine, facts.name).map(({ id, request }) => [request.uid, id]));
  }

  get uids(): ReadonlySet<string> {
    return new Set([...this.#byUid.keys(), ...this.#found.keys()]);
  }

  all(): readonly Worker[] {
    return [...this.#byUid.values()];
  }

  get(uid: string): Worker | undefined {
    return this.#byUid.get(uid);
  }

  /** The one of that name which is not on its way out, or the last. */
  named(namespace: string, name: string): Worker | undefined {
    const found = this.all().filter(({ pod }) => isNamed(pod, namespace, name));
    return found.find(({ ending }) => ending === undefined) ?? found.at(-1);
  }

  /** One more than there may be is Failed with the reason that kubelet gives, unless it is of this node's own files, critical, or has begun before. */
  want(pod: Pod, { isOwn = false }: { readonly isOwn?: boolean } = {}): void {
    const { uid = "", namespace = "default", name = "" } = pod.metadata;
    for (const other of this.all())
      if (other.uid !== uid && isNamed(other.pod, namespace, name)) other.orphan();
    const known = this.#byUid.get(uid);
    if (known) return known.update(pod);
    const hasBegun = this.#found.has(uid) || this.#options.before(pod) !== undefined;
    const used = isOwn || hasBegun || isCritical(pod) ? 0 : this.#active;
    const worker = this.#add(pod);
    const { most } = this.#options;
    if (used >= most)
      worker.fail(
        "OutOfpods",
        `Pod was rejected: Node didn't have enough resource: pods, requested: 1, used: ${used}, capacity: ${most}`,
      );
  }

  /** Those that run, will run, or have something left that runs. */
  get #active(): number {
    return this.all().filter(
      (each) => each.isLeaving || !(each.isFailed || (each.status !== undefined && isTerminal(each.status))),
    ).length;
  }

  /** Nobody wants it any more; it ends as one that was deleted, and nobody is told. */
  unwant(uid: string): void {
    this.#byUid.get(uid)?.orphan();
  }

  unwantNamed(namespace: string, name: string): void {
    for (const worker of this.all()) if (isNamed(worker.pod, namespace, name)) worker.orphan();
  }

  forget(uid: string): void {
    const worker = this.#byUid.get(uid);
    this.#byUid.delete(uid);
    void worker?.[Symbol.asyncDispose]();
  }

  /** Ends what the engine has of pods that nobody wants: after all that are wanted have been told. */
  endRest(): void {
    const { engine, facts } = this.#options.parts;
    for (const { request } of sandboxesOf(engine, facts.name)) {
      if (this.#byUid.has(request.uid)) continue;
      const { namespace, name, uid, labels = {} } = request;
      const terminationGracePeriodSeconds = Number(labels[ownLabels.grace] ?? 0);
      this.#add({
        apiVersion: "v1",
        kind: "Pod",
        metadata: { namespace, name, uid },
        spec: { containers: [], terminationGracePeriodSeconds },
      });
      this.unwant(uid);
    }
    this.#found.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.all().map((worker) => worker[Symbol.asyncDispose]()));
  }

  #add(pod: Pod): Worker {
    const { parts, listener, before } = this.#options;
    const { uid = "" } = pod.metadata;
    const sandbox = this.#found.get(uid);
    const said = before(pod);
    const worker = new Worker(pod, {
      parts,
      listener,
      ...(sandbox !== undefined && { sandbox }),
      ...(said && { before: said }),
    });
    this.#byUid.set(uid, worker);
    return worker;
  }
}

const isNamed = ({ metadata }: Pod, namespace: string, name: string): boolean =>
  metadata.name === name && (metadata.namespace ?? "default") === namespace;

/** Those that this part has made: others of the engine's users may make such too. */
function sandboxesOf({ pods }: Pick<LiveEngine, "pods">, node: string) {
  return pods
    .list()
    .filter(
      ({ request }) =>
        request.labels?.[ownLabels.node] === node && request.labels[podLabels.uid] !== undefined,
    );
}

/** A pod as far as it must be one for a worker; undefined for what is none. */
export function asPod(object: KubeObject): Pod | undefined {
  const { metadata, spec } = object as Partial<Pod> & KubeObject;
  const isWhole =
    typeof metadata?.uid === "string" &&
    typeof metadata.name === "string" &&
    typeof spec === "object" &&
    spec !== null &&
    Array.isArray(spec.containers) &&
    spec.containers.length > 0;
  return isWhole ? (object as Pod) : undefined;
}
