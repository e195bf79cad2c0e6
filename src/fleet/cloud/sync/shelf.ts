/** The small form in which ObjectSync and ClusterObjectSync are kept: one row for each object that an edge has. */
import type { KubeObject } from "../../../spec/kubernetes/kube.ts";
import type { Shelf } from "../informer/store.ts";

export const syncKinds = {
  namespaced: "ObjectSync",
  cluster: "ClusterObjectSync",
} as const;
export const syncVersion = "reliablesyncs.kubeedge.io/v1alpha1";

export interface Sync {
  /** Of the object that an edge has. */
  readonly uid: string;
  readonly namespace: string | undefined;
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  /** What it acknowledged last; undefined: nothing yet. */
  readonly version: string | undefined;
}

/** A number that is written as it is printed, as itself: it takes no memory of its own. */
type Compact = number | string;

function compact(text: string): Compact {
  const number = Number(text);
  return String(number) === text ? number : text;
}

export class Row implements Sync {
  readonly uid: string;
  readonly namespace: string | undefined;
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  /** The uid of the ObjectSync itself. */
  readonly own: string;
  private readonly had: Compact | undefined;
  private readonly written: Compact;

  constructor({
    version,
    revision,
    own,
    ...sync
  }: Sync & { readonly own: string; readonly revision: string }) {
    this.uid = sync.uid;
    this.namespace = sync.namespace;
    this.apiVersion = sync.apiVersion;
    this.kind = sync.kind;
    this.name = sync.name;
    this.own = own;
    this.had = version === undefined ? undefined : compact(version);
    this.written = compact(revision);
  }

  get version(): string | undefined {
    return this.had === undefined ? undefined : String(this.had);
  }

  /** The resourceVersion of the ObjectSync itself. */
  get revision(): string {
    return String(this.written);
  }
}

type Nodes = Map<string, Map<string, Row>>;

export function syncName(node: string, uid: string): string {
  return `${node}.${uid}`;
}

/** Rows by node and uid. Both kinds have theirs in the same nodes: `get` and `all` of one do not see those of the other. */
export class SyncShelf implements Shelf {
  /** Whose texts the next row may share, if it is of the same object: those of the object itself, which are in memory anyway. */
  sharing: Pick<Sync, "uid" | "name"> | undefined;
  private readonly nodes: Nodes;
  private readonly isNamespaced: boolean;

  constructor(nodes: Nodes, isNamespaced: boolean) {
    this.nodes = nodes;
    this.isNamespaced = isNamespaced;
  }

  get(namespace: string | undefined, name: string): KubeObject | undefined {
    const { node, uid } = partsOf(name);
    const row = this.nodes.get(node)?.get(uid);
    return row && row.namespace === namespace ? objectOf(node, row) : undefined;
  }

  all(): readonly KubeObject[] {
    const found: KubeObject[] = [];
    for (const [node, rows] of this.nodes)
      for (const row of rows.values())
        if ((row.namespace !== undefined) === this.isNamespaced) found.push(objectOf(node, row));
    return found;
  }

  put(object: KubeObject): KubeObject | undefined {
    const { name = "", namespace } = object.metadata;
    const { node, uid } = partsOf(name);
    // Nobody of the fleet gave it that name.
    if (node === "" || uid === "") return undefined;
    const before = this.get(namespace, name);
    const known = this.sharing?.uid === uid ? this.sharing : undefined;
    const row = rowOf(object, known ?? { uid: apart(uid), name: "" });
    const rows = this.nodes.get(node) ?? new Map<string, Row>();
    // A Map keeps the text by which it first knew a row.
    rows.delete(uid);
    this.nodes.set(node, rows.set(row.uid, row));
    return before;
  }

  remove(namespace: string | undefined, name = ""): KubeObject | undefined {
    const before = this.get(namespace, name);
    if (!before) return undefined;
    const { node, uid } = partsOf(name);
    const rows = this.nodes.get(node);
    rows?.delete(uid);
    if (rows?.size === 0) this.nodes.delete(node);
    return before;
  }
}

/** A node's name may have dots in it, a uid has none. */
function partsOf(name: string): { readonly node: string; readonly uid: string } {
  const dot = name.lastIndexOf(".");
  return { node: name.slice(0, Math.max(dot, 0)), uid: name.slice(dot + 1) };
}

/** Most of a fleet's syncs say the same words. */
const words = new Map<string, string>();

function shared(text: unknown): string {
  const word = typeof text === "string" ? text : "";
  const known = words.get(word);
  if (known !== undefined) return known;
  if (words.size < 1000) words.set(word, word);
  return word;
}

/** A part of a text keeps the whole in memory; this is a text of its own. */
function apart(text: string): string {
  return Buffer.from(text).toString();
}

function rowOf({ metadata, ...object }: KubeObject, known: Pick<Sync, "uid" | "name">): Row {
  const { namespace, uid: own = "", resourceVersion = "" } = metadata;
  const spec = (object["spec"] ?? {}) as Readonly<Record<string, unknown>>;
  const status = (object["status"] ?? {}) as Readonly<Record<string, unknown>>;
  const { objectAPIVersion, objectKind, objectName } = spec;
  const version = status["objectResourceVersion"];
  return new Row({
    uid: known.uid,
    namespace: namespace === undefined ? undefined : shared(namespace),
    apiVersion: shared(objectAPIVersion),
    kind: shared(objectKind),
    name: typeof objectName === "string" && objectName !== known.name ? objectName : known.name,
    version: typeof version === "string" && /^\d{1,20}$/.test(version) ? version : undefined,
    own,
    revision: resourceVersion,
  });
}

/** What an informer asks of it. */
function objectOf(node: string, { uid, namespace, own, revision }: Row): KubeObject {
  return {
    apiVersion: syncVersion,
    kind: namespace === undefined ? syncKinds.cluster : syncKinds.namespaced,
    metadata: {
      name: syncName(node, uid),
      ...(namespace === undefined ? {} : { namespace }),
      uid: own,
      resourceVersion: revision,
    },
  };
}
