/** The informers of one process: each kind is watched once, however many controllers look at it. */
import type { KubeClient, KubeObject, ResourceId } from "../../../spec/kubernetes/kube.ts";
import type { Clock } from "../../../base/clock.ts";
import { Informer } from "./informer.ts";

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

  constructor(options: InformersOptions) {
    this.options = options;
  }

  /** The informer of a kind with whole objects; begins when it is first asked for. */
  of(resource: ResourceId): Informer {
    return this.running.get(name(resource))?.informer ?? this.begin(resource);
  }

  /** The informer of a kind for one who needs no more than metadata. Ask for whole objects first, where anybody needs them. */
  metadataOf(resource: ResourceId): Informer {
    return this.running.get(name(resource))?.informer ?? this.begin(resource, onlyMetadata);
  }

  find(resource: ResourceId): Informer | undefined {
    return this.running.get(name(resource))?.informer;
  }

  /** Ends the informer of a kind that is no longer served. */
  async stop(resource: ResourceId): Promise<void> {
    const running = this.running.get(name(resource));
    this.running.delete(name(resource));
    running?.stop();
    await running?.ended;
  }

  /** After the signal: when all have ended. */
  async ended(): Promise<void> {
    await Promise.all([...this.running.values()].map(({ ended }) => ended));
  }

  private begin(resource: ResourceId, keep?: (object: KubeObject) => KubeObject): Informer {
    const { client, clock, log, signal } = this.options;
    const informer = new Informer({ client, resource, clock, log, ...(keep ? { keep } : {}) });
    const own = new AbortController();
    const ended = informer.run(AbortSignal.any([signal, own.signal]));
    this.running.set(name(resource), { informer, ended, stop: () => own.abort() });
    return informer;
  }
}
