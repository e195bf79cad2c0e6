/** Watches: what is there, where it is wanted, then each change, as it looks through the selectors. https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes */
import type { KubeObject, WatchOptions } from "../../kube.ts";
import type { Encodable, RegistryWatchEvent } from "../registry.ts";
import { storageName, type Resource } from "../resource.ts";
import type { Change, Stored, Watcher } from "../storage/storage.ts";
import { apiVersionOf, inVersion, ownForm, type Core } from "./_core.ts";
import { encodable, encodableOf } from "./_encodable.ts";
import { badRequest } from "./errors.ts";
import { mustExist, revisionOf } from "./_revision.ts";
import { selection, type Selection } from "./_selection.ts";

/** Milliseconds between bookmarks. */
const bookmarkEvery = 60_000;
/** Objects of a page of initial events. */
const step = 250;

interface Watching {
  readonly core: Core;
  readonly resource: Resource;
  readonly options: WatchOptions;
  readonly selected: Selection;
  /** Of the state that the initial events show, or that the client knows. */
  readonly from: number;
  /** Undefined: as the options say, none. */
  readonly initial: boolean;
  readonly signals: readonly AbortSignal[];
}

/** Throws at once for options that cannot be; a revision that is too old is told by the iteration, as `Expired`. */
export function watch(
  core: Core,
  resource: Resource,
  options: WatchOptions & { readonly also?: AbortSignal },
): AsyncIterable<RegistryWatchEvent> {
  const selected = selection(resource, options);
  const { resourceVersion = "", sendInitialEvents, resourceVersionMatch } = options;
  const revision = revisionOf(resourceVersion);
  checkInitial(options);
  if (revision > 0) mustExist(core.storage, revision);
  if (resourceVersionMatch !== undefined && sendInitialEvents === undefined)
    throw badRequest("resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided");
  const initial = sendInitialEvents ?? revision === 0;
  const from = initial || revision === 0 ? core.storage.revision : revision;
  const signals = [options.signal, options.also].filter((signal) => signal !== undefined);
  return events({ core, resource, options, selected, from, initial, signals });
}

function checkInitial({ sendInitialEvents, resourceVersionMatch, allowWatchBookmarks }: WatchOptions): void {
  if (sendInitialEvents === undefined) return;
  if (resourceVersionMatch !== "NotOlderThan")
    throw badRequest(
      "resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
    );
  if (sendInitialEvents && !allowWatchBookmarks)
    throw badRequest("sendInitialEvents: Forbidden: sendInitialEvents requires setting allowWatchBookmarks");
}

async function* events(watching: Watching): AsyncGenerator<RegistryWatchEvent> {
  const { core, resource, options, from } = watching;
  const namespace = resource.namespaced && options.namespace ? { namespace: options.namespace } : {};
  await using watcher = core.storage.watch(storageName(resource), { ...namespace, after: from });
  using end = new End(watching.signals, options.timeoutSeconds);
  if (watching.initial) {
    for (const stored of present(watching)) {
      if (end.reached) return;
      yield { type: "ADDED", encodable: encodableOf(stored, resource) };
    }
    if (options.sendInitialEvents)
      yield {
        type: "BOOKMARK",
        encodable: bookmark(resource, from, { "k8s.io/initial-events-end": "true" }),
      };
  }
  yield* changes(watching, watcher, end);
}

function* present({ core, resource, options, selected, from }: Watching): Generator<Stored> {
  const namespace = resource.namespaced && options.namespace ? { namespace: options.namespace } : {};
  for (let after: { namespace: string; name: string } | undefined; ;) {
    const page = core.storage.list(storageName(resource), {
      ...namespace,
      ...(after ? { after } : {}),
      at: from,
      limit: step,
    });
    for (const stored of page.items)
      if (selected.all || selected.matches(ownForm(stored.object, resource))) yield stored;
    if (!page.after) return;
    ({ after } = page);
  }
}

async function* changes(
  { resource, options, selected }: Watching,
  watcher: Watcher,
  end: End,
): AsyncGenerator<RegistryWatchEvent> {
  using clock = new Clock(options.allowWatchBookmarks === true);
  const iterator = watcher[Symbol.asyncIterator]();
  let next = iterator.next();
  // A rejection that comes while something else is handed out is met at the next turn.
  next.catch(() => {});
  while (!end.reached) {
    const won = await Promise.race([next, clock.due, end.promise]);
    if (won === "end") return;
    if (won === "due") {
      clock.again();
      yield { type: "BOOKMARK", encodable: bookmark(resource, watcher.seen) };
      continue;
    }
    if (won.done) return;
    const event = seenThrough(selected, won.value, resource);
    next = iterator.next();
    next.catch(() => {});
    if (event) yield event;
  }
}

/** A change as who looks through a selector sees it: an object that begins to match appears, one that ceases to goes. */
function seenThrough(
  selected: Selection,
  change: Change,
  resource: Resource,
): RegistryWatchEvent | undefined {
  const { stored, before, type } = change;
  const was = before !== undefined && (selected.all || selected.matches(ownForm(before.object, resource)));
  const is = type === "put" && (selected.all || selected.matches(ownForm(stored.object, resource)));
  if (is) return { type: was ? "MODIFIED" : "ADDED", encodable: encodableOf(stored, resource) };
  if (!was) return undefined;
  return {
    type: "DELETED",
    encodable: type === "delete" ? encodableOf(stored, resource) : gone(change, before, resource),
  };
}

const ceased = new WeakMap<Change, Map<string, Encodable>>();

/** As it was when it still matched, with the revision at which it ceased to. */
function gone(change: Change, before: Stored, resource: Resource): Encodable {
  const apiVersion = apiVersionOf(resource);
  const known = ceased.get(change) ?? new Map<string, Encodable>();
  ceased.set(change, known);
  const was = inVersion(ownForm(before.object, resource), resource);
  const metadata = { ...was.metadata, resourceVersion: String(change.revision) };
  const found = known.get(apiVersion) ?? encodable({ ...was, metadata });
  known.set(apiVersion, found);
  return found;
}

function bookmark(resource: Resource, revision: number, annotations?: Record<string, string>): Encodable {
  const object: KubeObject = {
    kind: resource.kind,
    apiVersion: apiVersionOf(resource),
    metadata: { resourceVersion: String(revision), ...(annotations ? { annotations } : {}) },
  };
  return encodable(object);
}

/** When a watch ends: its time is over, or nobody listens any more. */
class End {
  readonly promise: Promise<"end">;
  reached = false;
  readonly #signals: readonly AbortSignal[];
  readonly #timer: NodeJS.Timeout | undefined;
  readonly #reach: () => void;

  constructor(signals: readonly AbortSignal[], seconds: number | undefined) {
    const { promise, resolve } = Promise.withResolvers<"end">();
    this.promise = promise;
    this.#signals = signals;
    this.#reach = () => {
      this.reached = true;
      resolve("end");
    };
    for (const signal of signals) signal.addEventListener("abort", this.#reach, { once: true });
    if (signals.some(({ aborted }) => aborted)) this.#reach();
    if (seconds !== undefined && seconds > 0)
      this.#timer = setTimeout(this.#reach, Math.min(seconds, 86_400) * 1000);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    for (const signal of this.#signals) signal.removeEventListener("abort", this.#reach);
    this.#reach();
  }
}

/** Says every minute that a bookmark is due, where they are wanted. */
class Clock {
  due: Promise<"due">;
  #resolve: (word: "due") => void;
  readonly #timer: NodeJS.Timeout | undefined;

  constructor(wanted: boolean) {
    ({ promise: this.due, resolve: this.#resolve } = Promise.withResolvers<"due">());
    if (wanted) this.#timer = setInterval(() => this.#resolve("due"), bookmarkEvery);
    this.#timer?.unref();
  }

  again(): void {
    ({ promise: this.due, resolve: this.#resolve } = Promise.withResolvers<"due">());
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
