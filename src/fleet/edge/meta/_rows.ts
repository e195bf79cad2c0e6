/** Objects as rows of table `meta`: found by key or type, sealed where they are secret. */
import { SampanError } from "../../../base/errors.ts";
import type { KubeObject } from "../../../spec/kubernetes/kube.ts";
import type { Cipher } from "../store/cipher.ts";
import type { EdgeDatabase } from "../store/open.ts";
import type { MetaKey } from "./meta.ts";
import { isOfCluster } from "./types.ts";

export interface Row {
  readonly key: MetaKey;
  readonly uid: string;
  readonly resourceVersion: string;
  /** The edge itself answers for it. */
  readonly own: boolean;
}

export interface Rows {
  /** Without its value. */
  find(key: MetaKey): Row | undefined;
  get(key: MetaKey): KubeObject | undefined;
  list(type: string, namespace?: string): readonly KubeObject[];
  put(key: MetaKey, object: KubeObject, own: boolean): void;
  remove(key: MetaKey): boolean;
}

interface Stored {
  readonly key: string;
  readonly type: string;
  readonly value: string | Uint8Array;
}

interface Found {
  readonly uid: string;
  readonly resource_version: string;
  readonly own: number;
}

const sealed = new Set(["secret"]);

/** One form for each object: edges say `default`, clouds `null` for the namespace of a node. */
export function plainKey({ namespace, type, name }: MetaKey): MetaKey {
  return namespace === undefined || isOfCluster(type) ? { type, name } : { namespace, type, name };
}

export function keyText(key: MetaKey): string {
  const { namespace = "null", type, name } = plainKey(key);
  return `${namespace}/${type}/${name}`;
}

export function openRows({ db }: EdgeDatabase, cipher: Cipher, log: (text: string) => void): Rows {
  const one = db.query<Stored, [string]>("SELECT key, type, value FROM meta WHERE key = ?");
  const found = db.query<Found, [string]>("SELECT uid, resource_version, own FROM meta WHERE key = ?");
  const ofType = db.query<Stored, [string]>(
    "SELECT key, type, value FROM meta WHERE type = ? ORDER BY namespace, name",
  );
  const ofNamespace = db.query<Stored, [string, string]>(
    "SELECT key, type, value FROM meta WHERE type = ? AND namespace = ? ORDER BY name",
  );
  const put = db.query(
    "INSERT OR REPLACE INTO meta (key, type, namespace, name, uid, resource_version, own, value) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
  );
  const remove = db.query("DELETE FROM meta WHERE key = ?");

  /** What cannot be read is as good as not there: it is asked for again. */
  function read({ key, value }: Stored): KubeObject | undefined {
    try {
      const text = typeof value === "string" ? value : cipher.open(value, `meta ${key}`);
      return JSON.parse(text) as KubeObject;
    } catch (error) {
      log(`what is stored as "${key}" is left out: ${SampanError.from(error).message}`);
      return undefined;
    }
  }

  return {
    find(key) {
      const row = found.get(keyText(key));
      return row
        ? {
            key: plainKey(key),
            uid: row.uid,
            resourceVersion: row.resource_version,
            own: row.own === 1,
          }
        : undefined;
    },
    get(key) {
      const row = one.get(keyText(key));
      return row ? read(row) : undefined;
    },
    list(type, namespace) {
      const rows =
        namespace === undefined || isOfCluster(type) ? ofType.all(type) : ofNamespace.all(type, namespace);
      return rows.flatMap((row) => read(row) ?? []);
    },
    put(key, object, own) {
      const { namespace = "", type, name } = plainKey(key);
      const text = keyText(key);
      const json = JSON.stringify(object);
      const { uid = "", resourceVersion = "" } = object.metadata;
      const value = sealed.has(type) ? cipher.seal(json, `meta ${text}`) : json;
      put.run(text, type, namespace, name, uid, resourceVersion, own ? 1 : 0, value);
    },
    remove: (key) => remove.run(keyText(key)).changes > 0,
  };
}
