/** MetaManager: takes what the cloud sends for group `resource`, keeps it in SQLite, and tells those who follow after it is on the disk. */
import { join } from "node:path";
import type { Clock } from "../../../base/clock.ts";
import { SampanError } from "../../../base/errors.ts";
import type { KubeObject, WatchEvent } from "../../../spec/kubernetes/kube.ts";
import { message, type Envelope } from "../../link/envelope.ts";
import type { CloudLink } from "../hub/hub.ts";
import { openCipher } from "../store/cipher.ts";
import { openDatabase } from "../store/open.ts";
import { ask, objectOf } from "./_ask.ts";
import { decide, readObject, whole, type Step } from "./_decide.ts";
import { openFollowers, openWatchers } from "./_followers.ts";
import type { Meta, MetaKey } from "./meta.ts";
import { keyText, openRows, plainKey } from "./_rows.ts";
import { migrations } from "./_schema.ts";
import { openTokens, orAborted, type Account } from "./_tokens.ts";
import { openMirror, type Mirror } from "./mirror.ts";
import { knownType, mirroredId, typeOfMirrored } from "./types.ts";

export interface MetaOptions {
  /** Data of the edge; `meta` in it is ours. */
  readonly root: string;
  readonly link: CloudLink;
  readonly clock: Clock;
  readonly log: (text: string) => void;
  readonly signal: AbortSignal;
}

/** With what MetaServer needs besides. */
export interface LocalMeta extends Meta, AsyncDisposable {
  readonly mirror: Mirror;
  /** As `follow`, of all types, with what a deleted object was. */
  watch(handler: (event: WatchEvent) => void): Disposable;
  /** Whose token this is, among those that this node keeps. */
  ownerOf(token: string): Account | undefined;
  /** As if the cloud had sent it; false when it changed nothing. Errors: `invalid_argument`. */
  offer(key: MetaKey, object: KubeObject): boolean;
  /** The store was begun anew: what the cloud sent before is not here. */
  readonly fresh: boolean;
}

export const databaseName = "edgecore.db";
export const keyName = "edgecore.key";

export async function openMeta({ root, link, clock, log, signal: end }: MetaOptions): Promise<LocalMeta> {
  const folder = join(root, "meta");
  using stack = new DisposableStack();
  const cipher = openCipher(join(folder, keyName));
  const now = () => clock.now();
  const database = stack.use(openDatabase(join(folder, databaseName), { migrations, log, now }));
  const rows = openRows(database, cipher, log);
  const controller = new AbortController();
  const signal = AbortSignal.any([end, controller.signal]);
  const tokens = openTokens({ database, cipher, link, clock, log, signal });
  const mirror = openMirror(database, cipher, log);
  const followers = openFollowers(log);
  const watchers = openWatchers(log);
  const asked = new Map<string, Promise<KubeObject>>();

  function put(key: MetaKey, object: KubeObject, own: boolean): void {
    const isNew = rows.find(key) === undefined;
    database.transaction(() => rows.put(key, object, own));
    followers.tell({ key: plainKey(key), object });
    if (knownType(key.type)) watchers.tell({ type: isNew ? "ADDED" : "MODIFIED", object });
  }

  function remove(key: MetaKey, uid: string): void {
    const before = rows.get(key);
    const was = database.transaction(() => {
      if (key.type === "pod") {
        rows.remove({ ...key, type: "podpatch" });
        tokens.forget(uid);
      }
      return rows.remove(key);
    });
    if (was) gone(key, before);
  }

  function gone(key: MetaKey, before: KubeObject | undefined): void {
    followers.tell({ key: plainKey(key), object: undefined });
    if (before && knownType(key.type)) watchers.tell({ type: "DELETED", object: before });
  }

  function run(step: Step): void {
    if (step.do === "put") put(step.key, step.object, rows.find(step.key)?.own ?? false);
    else if (step.do === "remove") remove(step.key, step.uid);
    else if (step.why !== "") log(`left out what the cloud sent: ${step.why}`);
  }

  function take(sent: Envelope): void {
    const read = readObject(sent);
    if (!read) return;
    // Of watches of MetaServer: it may be any object of the cluster.
    if (sent.route.source === "dynamiccontroller") return mirror.take(sent.route.operation, read.object);
    const stored = rows.find(read.key);
    const { creationTimestamp: creation } = stored ? (rows.get(read.key)?.metadata ?? {}) : {};
    run(decide(sent, read, { stored, node: link.node, creation }));
  }

  function offer(key: MetaKey, object: KubeObject): boolean {
    const { namespace = "null", type, name } = plainKey(key);
    const route = { source: "edgecontroller", group: "resource", operation: "update" };
    const sent = message({ ...route, resource: `${namespace}/${type}/${name}` }, object);
    const before = rows.find(key)?.resourceVersion;
    take(sent);
    return rows.find(key)?.resourceVersion !== before;
  }

  async function askFor(key: MetaKey): Promise<KubeObject> {
    const answer = await ask(link, { key, content: null, signal, now: now() });
    const object = whole(key, objectOf(key, answer));
    // What needs an acknowledgement was kept before it came here; the rest is now.
    const { uid, resourceVersion } = object.metadata;
    const stored = rows.find(key);
    const isKept = stored?.uid === uid && stored?.resourceVersion === resourceVersion;
    if (!isKept && stored?.own !== true) put(key, object, false);
    return object;
  }

  function ofMirror({ namespace, type, name }: MetaKey): KubeObject | undefined {
    const id = mirroredId(type);
    return id && mirror.get(id, { namespace, name });
  }

  stack.use(
    mirror.follow(({ type, resource, object }) => {
      const own = typeOfMirrored(resource);
      const { namespace, name = "" } = object.metadata;
      if (own === undefined) return;
      const key = { type: own, name, ...(namespace === undefined ? {} : { namespace }) };
      followers.tell({ key, object: type === "DELETED" ? undefined : object });
    }),
  );
  link.on("meta", take);
  const held = stack.move();
  return {
    mirror,
    offer,
    fresh: database.fresh,
    ownerOf: (token) => tokens.ownerOf(token),
    watch: (handler) => watchers.add(handler),
    get: (key) => (mirroredId(key.type) ? ofMirror(key) : rows.get(key)),
    list(type, namespace) {
      const id = mirroredId(type);
      return id ? mirror.list(id, namespace) : rows.list(type, namespace);
    },
    follow: (types, handler) => followers.follow(types, handler),
    async fetch(key, caller) {
      const stored = mirroredId(key.type) ? ofMirror(key) : rows.get(key);
      if (stored) return stored;
      if (!link.connected)
        throw new SampanError(
          "unavailable",
          `cannot get ${key.type} "${key.name}": it is not on this node, and the cloud is not connected`,
        );
      const text = keyText(key);
      const running = asked.get(text) ?? askFor(key).finally(() => asked.delete(text));
      asked.set(text, running);
      return orAborted(running, caller);
    },
    token: (account, request, caller) => tokens.token(account, request, caller),
    keep: async (key, object) => put(key, object, true),
    async forget(key) {
      const before = rows.get(key);
      if (database.transaction(() => rows.remove(key))) gone(key, before);
    },
    async [Symbol.asyncDispose]() {
      controller.abort();
      held.dispose();
    },
  };
}
