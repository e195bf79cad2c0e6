/** What pods asked the API for by way of MetaServer, kept for when the cloud cannot be asked: table `meta_v2`, by path of the API. */
import { SampanError } from "../../../base/errors.ts";
import type { KubeObject, ResourceId } from "../../../spec/kubernetes/kube.ts";
import { compareVersions } from "../../link/envelope.ts";
import type { Cipher } from "../store/cipher.ts";
import type { EdgeDatabase } from "../store/open.ts";
import { known } from "./types.ts";

export interface MirrorChange {
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly resource: ResourceId;
  readonly object: KubeObject;
}

export interface Mirror {
  get(
    resource: ResourceId,
    key: { readonly namespace?: string | undefined; readonly name: string },
  ): KubeObject | undefined;
  list(resource: ResourceId, namespace?: string): readonly KubeObject[];
  /** An object that the cloud answered with or sent of a watch. */
  take(operation: string, object: KubeObject, resource?: ResourceId): void;
  /** Of one kind all that there is, in a namespace or everywhere: what is not among it has gone. */
  replace(resource: ResourceId, objects: readonly KubeObject[], namespace?: string): void;
  follow(handler: (change: MirrorChange) => void): Disposable;
  document(path: string): string | undefined;
  keepDocument(path: string, text: string): void;
}

/** The disk of an edge is small, and a cluster may be large. */
const most = { objects: 50_000, bytes: 3 << 20 } as const;

interface Stored {
  readonly key: string;
  readonly value: string | Uint8Array;
}

const byKind = new Map(
  Object.values(known).map((type) => [`${type.apiVersion} ${type.kind}`, type.resource]),
);

/** The plural of a kind: of those that are known by name, of others by the rule that names of custom resources follow mostly. */
export function pluralOf(apiVersion: string, kind: string): string {
  const lower = kind.toLowerCase();
  const regular = /(?:s|x|z|ch|sh)$/.test(lower)
    ? `${lower}es`
    : /[^aeiou]y$/.test(lower)
      ? `${lower.slice(0, -1)}ies`
      : `${lower}s`;
  return byKind.get(`${apiVersion} ${kind}`) ?? regular;
}

export function resourceIdOf({ apiVersion, kind }: KubeObject): ResourceId {
  const [first = "", second] = apiVersion.split("/");
  return {
    group: second === undefined ? "" : first,
    version: second ?? first,
    resource: pluralOf(apiVersion, kind),
  };
}

function textOf({ group, version, resource }: ResourceId): string {
  return `/${group || "core"}/${version}/${resource}`;
}

export function openMirror(database: EdgeDatabase, cipher: Cipher, log: (text: string) => void): Mirror {
  const { db } = database;
  const one = db.query<Stored, [string]>("SELECT key, value FROM meta_v2 WHERE key = ?");
  const all = db.query<Stored, [string]>(
    "SELECT key, value FROM meta_v2 WHERE resource = ? ORDER BY namespace, name",
  );
  const within = db.query<Stored, [string, string]>(
    "SELECT key, value FROM meta_v2 WHERE resource = ? AND namespace = ? ORDER BY name",
  );
  const put = db.query(
    "INSERT OR REPLACE INTO meta_v2 (key, resource, namespace, name, uid, resource_version, value) VALUES (?, ?, ?, ?, ?, ?, ?)",
  );
  const remove = db.query("DELETE FROM meta_v2 WHERE key = ?");
  const document = db.query<{ value: string }, [string]>("SELECT value FROM document WHERE path = ?");
  const keep = db.query("INSERT OR REPLACE INTO document (path, value) VALUES (?, ?)");
  const followers = new Set<(change: MirrorChange) => void>();
  let isTold = false;
  let count = db.query<{ rows: number }, []>("SELECT count(*) AS rows FROM meta_v2").get()?.rows ?? 0;

  function read({ key, value }: Stored): KubeObject | undefined {
    try {
      return JSON.parse(
        typeof value === "string" ? value : cipher.open(value, `meta_v2 ${key}`),
      ) as KubeObject;
    } catch (error) {
      log(`what is stored as "${key}" is left out: ${SampanError.from(error).message}`);
      return undefined;
    }
  }

  function keyOf(resource: ResourceId, namespace: string | undefined, name: string): string {
    return `${textOf(resource)}/${namespace ?? "null"}/${name}`;
  }

  /** Said once: whoever lists a whole cluster by way of an edge does so again. */
  function full(): void {
    if (!isTold) log(`${most.objects} objects that pods asked for are kept; further ones are not`);
    isTold = true;
  }

  function tell(change: MirrorChange): void {
    for (const follower of followers) follower(change);
  }

  const mirror: Mirror = {
    get(resource, { namespace, name }) {
      const row = one.get(keyOf(resource, namespace, name));
      return row ? read(row) : undefined;
    },
    list(resource, namespace) {
      const rows =
        namespace === undefined ? all.all(textOf(resource)) : within.all(textOf(resource), namespace);
      return rows.flatMap((row) => read(row) ?? []);
    },
    take(operation, object, resource = resourceIdOf(object)) {
      const { name = "", namespace, uid = "", resourceVersion = "" } = object.metadata;
      if (name === "" || object.apiVersion === "" || object.kind === "") return;
      const key = keyOf(resource, namespace, name);
      const row = one.get(key);
      const before = row ? read(row) : undefined;
      if (operation === "delete") {
        if (before && before.metadata.uid !== undefined && uid !== "" && before.metadata.uid !== uid) return;
        count -= database.transaction(() => remove.run(key).changes);
        return tell({ type: "DELETED", resource, object: before ?? object });
      }
      if (before?.metadata.uid === uid && isNewer(before, resourceVersion)) return;
      if (!before && count >= most.objects) return full();
      const json = JSON.stringify(object);
      if (json.length > most.bytes) return;
      if (!row) count += 1;
      const isSecret = object.kind === "Secret" || resource.resource === "secrets";
      const value = isSecret ? cipher.seal(json, `meta_v2 ${key}`) : json;
      database.transaction(() =>
        put.run(key, textOf(resource), namespace ?? "", name, uid, resourceVersion, value),
      );
      if (before?.metadata.resourceVersion !== resourceVersion)
        tell({ type: before ? "MODIFIED" : "ADDED", resource, object });
    },
    replace(resource, objects, namespace) {
      const present = new Set(objects.map(({ metadata }) => `${metadata.namespace ?? ""}/${metadata.name}`));
      for (const object of mirror.list(resource, namespace))
        if (!present.has(`${object.metadata.namespace ?? ""}/${object.metadata.name}`))
          mirror.take("delete", object, resource);
      for (const object of objects) mirror.take("update", object, resource);
    },
    follow(handler) {
      followers.add(handler);
      return { [Symbol.dispose]: () => void followers.delete(handler) };
    },
    document: (path) => document.get(path)?.value,
    keepDocument: (path, text) => void database.transaction(() => keep.run(path, text)),
  };
  return mirror;
}

function isNewer({ metadata }: KubeObject, version: string): boolean {
  const isNumber = (text: string | undefined) => text !== undefined && /^\d{1,19}$/.test(text);
  return (
    isNumber(metadata.resourceVersion) &&
    isNumber(version) &&
    compareVersions(metadata.resourceVersion, version) > 0
  );
}
