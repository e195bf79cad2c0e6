/** Watches: what is there, where it is wanted, then each change, as it looks through the selectors. https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes */
import type { KubeObject, WatchOptions } from "../../../../spec/kubernetes/kube.ts";
import type { Encodable, RegistryWatchEvent } from "../registry.ts";
import { storageName, type Resource } from "../resource.ts";
import type { Change, Stored, Watcher } from "../storage/storage.ts";
import { apiVersionOf, inVersion, ownForm, type Core } from "./_core.ts";
import { encodable, encodableOf } from "./_encodable.ts";
import { badRequest } from "../../../../spec/kubernetes/errors.ts";
import { mustExist, revisionOf } from "./_revision.ts";
import { selection, type Selection } from "./_selection.ts";

/** Objects of a page of initial events. */
const step = 250;
/** Seconds that a watch lasts at most. */
const longest = 86_400;

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
  if (resourceVersionMatch !== undefined && sendInitialEvents === undefined)
    throw badRequest("resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided");
  if (revision > 0) mustExist(core.storage, revision);
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
  { core, resource, options, selected }: Watching,
  watcher: Watcher,
  end: End,
): AsyncGenerator<RegistryWatchEvent> {
  using clock = new Clock(options.allowWatchBookmarks ? core.bookmarkEvery : undefined, end.bell);
  const pump = new Pump(watcher, end.bell);
  while (!end.reached) {
    if (pump.next) {
      const event = seenThrough(selected, pump.next, resource);
      pump.ask();
      if (event) yield event;
    } else if (clock.isDue) {
      clock.isDue = false;
      yield { type: "BOOKMARK", encodable: bookmark(resource, watcher.seen) };
    } else if (pump.over) return;
    else await end.bell.rung();
  }
}

/** The next change, asked for ahead. */
class Pump {
  next: Change | undefined;
  readonly #iterator: AsyncIterator<Change>;
  readonly #bell: Bell;
  #over: { readonly error?: unknown } | undefined;

  constructor(watcher: Watcher, bell: Bell) {
    this.#iterator = watcher[Symbol.asyncIterator]();
    this.#bell = bell;
    this.ask();
  }

  ask(): void {
    this.next = undefined;
    this.#iterator.next().then(
      ({ done, value }) => {
        if (done) this.#over = {};
        else this.next = value;
        this.#bell.ring();
      },
      (error: unknown) => {
        this.#over = { error };
        this.#bell.ring();
      },
    );
  }

  /** True when nothing comes any more; throws when that is a failure. */
  get over(): boolean {
    if (this.#over && "error" in this.#over) throw this.#over.error;
    return this.#over !== undefined;
  }
}

/** Wakes the one who waits. A promise for each wait, so that nothing gathers on one that lives as long as the watch. */
class Bell {
  #wake: (() => void) | undefined;
  #rang = false;

  ring(): void {
    this.#rang = true;
    this.#wake?.();
  }

  async rung(): Promise<void> {
    if (!this.#rang) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
      this.#wake = undefined;
    }
    this.#rang = false;
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
  readonly bell = new Bell();
  reached = false;
  readonly #signals: readonly AbortSignal[];
  readonly #timer: NodeJS.Timeout | undefined;
  readonly #reach = () => {
    this.reached = true;
    this.bell.ring();
  };

  constructor(signals: readonly AbortSignal[], seconds: number | undefined) {
    this.#signals = signals;
    for (const signal of signals) signal.addEventListener("abort", this.#reach, { once: true });
    if (signals.some(({ aborted }) => aborted)) this.#reach();
    if (seconds !== undefined && seconds > 0)
      this.#timer = setTimeout(this.#reach, Math.min(seconds, longest) * 1000);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    for (const signal of this.#signals) signal.removeEventListener("abort", this.#reach);
    this.#reach();
  }
}

/** Says from time to time that a bookmark is due, where they are wanted. */
class Clock {
  isDue = false;
  readonly #timer: NodeJS.Timeout | undefined;

  constructor(every: number | undefined, bell: Bell) {
    if (every === undefined) return;
    this.#timer = setInterval(() => {
      this.isDue = true;
      bell.ring();
    }, every);
    this.#timer.unref();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
