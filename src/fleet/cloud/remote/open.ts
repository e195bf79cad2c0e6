/** A KubeClient of a real cluster, by a kubeconfig. What the verbs do is the cluster's own; here they become requests, and answers become objects or KubeErrors. */
import {
  type KubeClient,
  KubeError,
  type KubeList,
  type KubeObject,
  type ListOptions,
  type ResourceId,
  type WatchEvent,
  type WatchOptions,
} from "../../../spec/kubernetes/kube.ts";
import { readKubeconfig } from "./kubeconfig.ts";
import {
  collectionPath,
  deleteBody,
  listQuery,
  objectPath,
  patchQuery,
  watchQuery,
  writeQuery,
} from "./paths.ts";
import { Transport } from "./transport.ts";
import { readEvents } from "./watch.ts";

export interface RemoteOptions {
  /** A path. */
  readonly kubeconfig: string;
  /** Otherwise its current one. */
  readonly context?: string;
}

/** Seconds after which a watch without another wish ends, to be begun anew: a connection that is dead unnoticed is noticed then. */
const watchSeconds = { least: 300, most: 600 } as const;
/** Milliseconds that the server may be late in ending a watch. */
const lateness = 30_000;

/** Resolves without having asked the cluster. Errors: those of the kubeconfig. */
export async function openRemoteClient({
  kubeconfig,
  context,
}: RemoteOptions): Promise<KubeClient & Disposable> {
  const transport = new Transport(await readKubeconfig(kubeconfig, context));
  return {
    get: async (resource, key, signal) =>
      object(await transport.call({ method: "GET", path: objectPath(resource, key), signal })),
    list: async (resource, options = {}) => await list(transport, resource, options),
    watch: (resource, options) => watch(transport, resource, options),
    create: async (resource, body, options = {}) => {
      const { subresourceOf, signal } = options;
      const path = subresourceOf
        ? objectPath(resource, subresourceOf)
        : collectionPath(resource, body.metadata.namespace);
      return object(
        await transport.call({ method: "POST", path: `${path}${writeQuery(options)}`, body, signal }),
      );
    },
    update: async (resource, body, options = {}) => {
      const { subresource, signal } = options;
      const { namespace, name = "" } = body.metadata;
      const key = { namespace, name, ...(subresource === undefined ? {} : { subresource }) };
      const path = `${objectPath(resource, key)}${writeQuery(options)}`;
      return object(await transport.call({ method: "PUT", path, body, signal }));
    },
    patch: async (resource, key, body, options) => {
      const path = `${objectPath(resource, key)}${patchQuery(options)}`;
      const { type: contentType, signal } = options;
      return object(await transport.call({ method: "PATCH", path, body, contentType, signal }));
    },
    delete: async (resource, key, options = {}) => {
      const { signal } = options;
      const path = objectPath(resource, key);
      return object(await transport.call({ method: "DELETE", path, body: deleteBody(options), signal }));
    },
    [Symbol.dispose]: () => transport[Symbol.dispose](),
  };
}

function object(value: unknown): KubeObject {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    const { metadata } = value as { readonly metadata?: unknown };
    if (typeof metadata === "object" && metadata !== null) return value as KubeObject;
  }
  throw new KubeError("InternalError", "cannot read the API's answer: it is no object");
}

interface RawList {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata?: {
    readonly resourceVersion?: string;
    readonly continue?: string;
    readonly remainingItemCount?: number;
  };
  readonly items?: readonly KubeObject[] | null;
}

async function list(transport: Transport, resource: ResourceId, options: ListOptions): Promise<KubeList> {
  const path = `${collectionPath(resource, options.namespace)}${listQuery(options)}`;
  const answer = object(await transport.call({ method: "GET", path, signal: options.signal })) as RawList;
  const { metadata = {}, items, apiVersion = "", kind = "" } = answer;
  const { resourceVersion = "", remainingItemCount } = metadata;
  // What is in a list does not say itself of what kind it is.
  const own = kind.replace(/List$/, "");
  const all = Array.isArray(items) ? (items as readonly KubeObject[]) : [];
  return {
    items: all.map((item) => ({
      ...item,
      apiVersion: item.apiVersion ?? apiVersion,
      kind: item.kind ?? own,
    })),
    resourceVersion,
    ...(metadata.continue ? { continue: metadata.continue } : {}),
    ...(remainingItemCount === undefined ? {} : { remainingItemCount }),
  };
}

async function* watch(
  transport: Transport,
  resource: ResourceId,
  options: WatchOptions,
): AsyncGenerator<WatchEvent, void, undefined> {
  const { least, most } = watchSeconds;
  // Not all at the same moment.
  const seconds = options.timeoutSeconds ?? Math.round(least + Math.random() * (most - least));
  const limit = AbortSignal.timeout(seconds * 1000 + lateness);
  const signal = options.signal ? AbortSignal.any([options.signal, limit]) : limit;
  if (signal.aborted) return;
  const path = `${collectionPath(resource, options.namespace)}${watchQuery(options, seconds)}`;
  try {
    const answer = await transport.stream({ method: "GET", path, signal });
    yield* readEvents(answer, signal);
  } catch (error) {
    // It was ended here.
    if (!signal.aborted) throw error;
  }
}
