/** What this node has of the API: its own objects and those that pods asked for before, as one. */
import type { KubeObject, ResourceId, WatchEvent } from "../../../spec/kubernetes/kube.ts";
import type { LocalMeta } from "../meta/open.ts";
import { resourceIdOf } from "../meta/mirror.ts";
import { known } from "../meta/types.ts";

export interface Change {
  readonly id: ResourceId;
  readonly event: WatchEvent;
}

export interface Reader {
  get(
    id: ResourceId,
    place: { readonly namespace?: string | undefined; readonly name: string },
  ): KubeObject | undefined;
  list(id: ResourceId, namespace?: string): readonly KubeObject[];
  /** The highest version that was seen. */
  readonly version: string;
  follow(handler: (change: Change) => void): Disposable;
}

const typeOf = new Map(
  Object.entries(known).map(([type, { apiVersion, resource }]) => [`${apiVersion}/${resource}`, type]),
);

function ownType({ group, version, resource }: ResourceId): string | undefined {
  return typeOf.get(`${group === "" ? version : `${group}/${version}`}/${resource}`);
}

export function sameId(a: ResourceId, b: ResourceId): boolean {
  return a.group === b.group && a.resource === b.resource && a.version === b.version;
}

export function numberOf(version: string | undefined): number {
  const number = Number(version ?? 0);
  return Number.isSafeInteger(number) && number > 0 ? number : 0;
}

export function openReader(meta: LocalMeta): Reader {
  const { mirror } = meta;
  let highest = 1;
  const see = (object: KubeObject) => {
    highest = Math.max(highest, numberOf(object.metadata.resourceVersion));
  };
  const newer = (a: KubeObject | undefined, b: KubeObject | undefined) =>
    numberOf(a?.metadata.resourceVersion) >= numberOf(b?.metadata.resourceVersion) ? (a ?? b) : (b ?? a);
  for (const type of Object.keys(known)) meta.list(type).forEach(see);
  return {
    get(id, { namespace, name }) {
      const type = ownType(id);
      const own =
        type === undefined
          ? undefined
          : meta.get({ type, name, ...(namespace === undefined ? {} : { namespace }) });
      return newer(own, mirror.get(id, { namespace, name }));
    },
    list(id, namespace) {
      const type = ownType(id);
      const own = type === undefined ? [] : meta.list(type, namespace);
      const all = new Map<string, KubeObject>();
      for (const object of [...mirror.list(id, namespace), ...own]) {
        const key = `${object.metadata.namespace ?? ""}/${object.metadata.name ?? ""}`;
        const chosen = newer(all.get(key), object);
        if (chosen) all.set(key, chosen);
        see(object);
      }
      return [...all.entries()].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object);
    },
    get version() {
      return String(highest);
    },
    follow(handler) {
      const stack = new DisposableStack();
      const tell = (change: Change) => {
        see(change.event.object);
        handler(change);
      };
      stack.use(meta.watch((event) => tell({ id: resourceIdOf(event.object), event })));
      stack.use(
        mirror.follow(({ type, resource, object }) => tell({ id: resource, event: { type, object } })),
      );
      return stack;
    },
  };
}
