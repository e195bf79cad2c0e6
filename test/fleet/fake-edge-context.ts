/** A link to the cloud and a store of objects that a test holds in its hands, and the context of the parts of an edge around them. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../src/base/clock.ts";
import { SampanError } from "../../src/base/errors.ts";
import type { AskOptions, CloudLink } from "../../src/fleet/edge/hub/hub.ts";
import type { Meta, MetaChange, MetaKey } from "../../src/fleet/edge/meta/meta.ts";
import { parseEnvelope, formatEnvelope, type Envelope } from "../../src/fleet/link/envelope.ts";
import { routeDownstream } from "../../src/fleet/link/routing.ts";
import type { KubeObject } from "../../src/spec/kubernetes/kube.ts";
import { matching, within } from "./until.ts";

type Handler = (message: Envelope) => void | Promise<void>;

export class FakeLink implements CloudLink {
  readonly node: string;
  connected: boolean;
  ours = false;
  /** All that was sent, as it is read at the other end. */
  readonly sent: Envelope[] = [];
  readonly #watchers = new Set<(connected: boolean) => void>();
  readonly #handlers = new Map<string, Handler>();
  readonly #asked = new Map<string, (answer: Envelope) => void>();
  readonly #waiting = new Set<() => void>();

  constructor(node: string, connected = true) {
    this.node = node;
    this.connected = connected;
  }

  onChange(handler: (connected: boolean) => void): Disposable {
    this.#watchers.add(handler);
    handler(this.connected);
    return { [Symbol.dispose]: () => void this.#watchers.delete(handler) };
  }

  send(message: Envelope): boolean {
    if (!this.connected) return false;
    this.sent.push(parseEnvelope(formatEnvelope(message)));
    for (const each of this.#waiting) each();
    return true;
  }

  async ask(message: Envelope, { signal, deadline = 10_000 }: AskOptions): Promise<Envelope> {
    if (!this.send(message)) throw new SampanError("unavailable", "the link does not stand");
    const { promise, resolve, reject } = Promise.withResolvers<Envelope>();
    this.#asked.set(message.id, resolve);
    const end = (code: "cancelled" | "deadline_exceeded") => reject(new SampanError(code, "no answer came"));
    const timer = setTimeout(() => end("deadline_exceeded"), deadline);
    const abort = () => end("cancelled");
    signal.addEventListener("abort", abort, { once: true });
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", abort);
      this.#asked.delete(message.id);
    }
  }

  on(target: string, handler: Handler): void {
    this.#handlers.set(target, handler);
  }

  /** The link falls, or stands again. */
  set(connected: boolean): void {
    this.connected = connected;
    for (const each of this.#watchers) each(connected);
  }

  /** As if the cloud had sent it; resolves when its taker has. */
  async receive(message: Envelope): Promise<void> {
    const target = routeDownstream(message);
    if (target === "waiter") this.#asked.get(message.parent ?? "")?.(message);
    else await this.#handlers.get(target)?.(message);
  }

  /** The first message, sent before or later, that fits and was not taken before. */
  async take(fits: (message: Envelope) => boolean): Promise<Envelope> {
    const { promise, resolve } = Promise.withResolvers<Envelope>();
    const look = () => {
      const index = this.sent.findIndex(fits);
      const [found] = index < 0 ? [] : this.sent.splice(index, 1);
      if (!found) return;
      this.#waiting.delete(look);
      resolve(found);
    };
    this.#waiting.add(look);
    look();
    try {
      return await within(promise, () => matching(fits, this.sent));
    } finally {
      this.#waiting.delete(look);
    }
  }
}

const keyText = ({ namespace = "", type, name }: MetaKey): string => `${namespace}/${type}/${name}`;

export class FakeMeta implements Meta {
  readonly #objects = new Map<string, { key: MetaKey; object: KubeObject }>();
  readonly #followers = new Set<{
    types: readonly string[];
    handler: (change: MetaChange) => void;
  }>();

  get(key: MetaKey): KubeObject | undefined {
    return this.#objects.get(keyText(key))?.object;
  }

  list(type: string, namespace?: string): readonly KubeObject[] {
    return [...this.#objects.values()]
      .filter(({ key }) => key.type === type && (namespace === undefined || key.namespace === namespace))
      .map(({ object }) => object);
  }

  follow(types: readonly string[], handler: (change: MetaChange) => void): Disposable {
    const follower = { types, handler };
    this.#followers.add(follower);
    return { [Symbol.dispose]: () => void this.#followers.delete(follower) };
  }

  async fetch(key: MetaKey): Promise<KubeObject> {
    const object = this.get(key);
    if (!object) throw new SampanError("not_found", `${keyText(key)} is not there`);
    return await Promise.resolve(object);
  }

  async token(): Promise<KubeObject> {
    return await Promise.reject(new SampanError("unavailable", "there are no tokens"));
  }

  async keep(key: MetaKey, object: KubeObject): Promise<void> {
    this.put(key, object);
    await Promise.resolve();
  }

  async forget(key: MetaKey): Promise<void> {
    this.put(key, undefined);
    await Promise.resolve();
  }

  /** What the cloud said. */
  put(key: MetaKey, object: KubeObject | undefined): void {
    if (object) this.#objects.set(keyText(key), { key, object });
    else this.#objects.delete(keyText(key));
    for (const { types, handler } of this.#followers) if (types.includes(key.type)) handler({ key, object });
  }
}

/** All but the engine, which most parts do not have. */
export interface FakeEdgeContext extends Disposable {
  readonly node: string;
  readonly root: string;
  readonly link: FakeLink;
  readonly meta: FakeMeta;
  readonly clock: ReturnType<typeof systemClock>;
  readonly log: (text: string) => void;
  readonly logged: string[];
  readonly signal: AbortSignal;
}

export interface FakeEdgeOptions {
  readonly node?: string;
  readonly connected?: boolean;
  /** A root of before; kept at the end. */
  readonly root?: string;
  readonly meta?: FakeMeta;
}

export function fakeEdgeContext(options: FakeEdgeOptions = {}): FakeEdgeContext {
  const { node = "edge1", connected = true, meta = new FakeMeta() } = options;
  const root = options.root ?? mkdtempSync(join(tmpdir(), "sampan-edge-"));
  const logged: string[] = [];
  const ending = new AbortController();
  return {
    node,
    root,
    link: new FakeLink(node, connected),
    meta,
    clock: systemClock(),
    log: (text) => void logged.push(text),
    logged,
    signal: ending.signal,
    [Symbol.dispose]() {
      ending.abort();
      if (options.root === undefined) rmSync(root, { recursive: true, force: true });
    },
  };
}
