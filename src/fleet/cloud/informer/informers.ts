/** The informers of one process: each kind is watched once, however many controllers look at it. Where somebody began with metadata alone and another needs whole objects, twice. */
import type { KubeClient, KubeObject, ResourceId } from "../../../spec/kubernetes/kube.ts";
import type { Clock } from "../../../base/clock.ts";
import { Informer } from "./informer.ts";
import { Store } from "./store.ts";

export interface InformersOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly log: (text: string) => void;
  readonly signal: AbortSignal;
}

function name({ group, resource }: ResourceId): string {
  return `${group}/${resource}`;
}

/** Who owns what, and nothing of what it says: for the garbage collector. */
function onlyMetadata({ apiVersion, kind, metadata }: KubeObject): KubeObject {
  const kept: KubeObject["metadata"] = {};
  for (const field of [
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "deletionTimestamp",
    "ownerReferences",
    "finalizers",
  ] as const) {
    if (metadata[field] !== undefined) Object.assign(kept, { [field]: metadata[field] });
  }
  return { apiVersion, kind, metadata: kept };
}

interface Running {
  readonly informer: Informer;
  readonly ended: Promise<void>;
  readonly stop: () => void;
}

export class Informers {
  private readonly options: InformersOptions;
  private readonly running = new Map<string, Running>();
  private readonly metadata = new Map<string, Running>();

  constructor(options: InformersOptions) {
    this.options = options;
  }

  /** The informer of a kind with whole objects; begins when it is first asked for. */
  of(resource: ResourceId): Informer {
    return (this.running.get(name(resource)) ?? this.begin(this.running, resource)).informer;
  }

  /** The informer of a kind for one who needs no more than metadata. Ask for whole objects first, where anybody needs them. */
  metadataOf(resource: ResourceId): Informer {
    const known = this.running.get(name(resource)) ?? this.metadata.get(name(resource));
    return (known ?? this.begin(this.metadata, resource, onlyMetadata)).informer;
  }

  /** The informer of a kind with whole objects, if anybody asked for it. */
  find(resource: ResourceId): Informer | undefined {
    return this.running.get(name(resource))?.informer;
  }

  /** All of a kind that run. */
  following(resource: ResourceId): readonly Informer[] {
    const all = [this.running, this.metadata].map((running) => running.get(name(resource))?.informer);
    return all.filter((informer) => informer !== undefined);
  }

  /** Ends the informer of the metadata of a kind that is no longer served. One of whole objects waits for the kind to be served again. */
  async stop(resource: ResourceId): Promise<void> {
    const running = this.metadata.get(name(resource));
    this.metadata.delete(name(resource));
    running?.stop();
    await running?.ended;
  }

  /** After the signal: when all have ended. */
  async ended(): Promise<void> {
    const all = [this.running, this.metadata].flatMap((running) => [...running.values()]);
    await Promise.all(all.map(({ ended }) => ended));
  }

  private begin(
    among: Map<string, Running>,
    resource: ResourceId,
    keep?: (object: KubeObject) => KubeObject,
  ): Running {
    const { client, clock, log, signal } = this.options;
    const informer = new Informer({ client, resource, clock, log, ...(keep ? { keep } : {}) }, new Store());
    const own = new AbortController();
    const ended = informer.run(AbortSignal.any([signal, own.signal]));
    const running = { informer, ended, stop: () => own.abort() };
    among.set(name(resource), running);
    return running;
  }
}
