/** The cloud and the store of an edge, as small as Edged needs them: what was said stands in lists, and answers come at once. */
import type { Clock } from "../../../src/base/clock.ts";
import { SampanError } from "../../../src/base/errors.ts";
import type { CloudLink } from "../../../src/fleet/edge/hub/hub.ts";
import type { Meta, MetaChange, MetaKey } from "../../../src/fleet/edge/meta/meta.ts";
import type { Means } from "../../../src/fleet/edge/edged/parts.ts";
import type { ProbeKind, ProbeResult } from "../../../src/fleet/edge/edged/translate.ts";
import { respond, type Envelope } from "../../../src/fleet/link/envelope.ts";
import type { KubeObject } from "../../../src/spec/kubernetes/kube.ts";

export class FakeLink implements CloudLink {
  readonly node = "edge1";
  readonly said: Envelope[] = [];
  ours = false;
  readonly #handlers = new Set<(connected: boolean) => void>();
  #connected = true;
  /** What the cloud answers; undefined: nothing, until the deadline. */
  answer: (message: Envelope) => unknown = ({ route }) =>
    route.operation === "delete" ? "OK" : { Object: { metadata: { name: "x" } }, Err: null };

  get connected(): boolean {
    return this.#connected;
  }

  set connected(value: boolean) {
    this.#connected = value;
    for (const handler of this.#handlers) handler(value);
  }

  onChange(handler: (connected: boolean) => void): Disposable {
    this.#handlers.add(handler);
    handler(this.#connected);
    return { [Symbol.dispose]: () => void this.#handlers.delete(handler) };
  }

  send(message: Envelope): boolean {
    if (this.#connected) this.said.push(message);
    return this.#connected;
  }

  async ask(message: Envelope): Promise<Envelope> {
    await Promise.resolve();
    if (!this.#connected) throw new SampanError("unavailable", "there is no link");
    this.said.push(message);
    const route = { source: "edgecontroller", group: "resource" };
    const answer = this.answer(message);
    if (answer === undefined) throw new SampanError("deadline_exceeded", "no answer came");
    return respond(message, route, answer);
  }

  on(): void {}

  /** Of those that went to a resource. */
  to(resource: string, operation?: string): Envelope[] {
    return this.said.filter(
      ({ route }) =>
        route.resource === resource && (operation === undefined || route.operation === operation),
    );
  }
}

const textOf = ({ namespace, type, name }: MetaKey) => `${namespace ?? "null"}/${type}/${name}`;

export class FakeMeta implements Meta {
  readonly objects = new Map<string, { key: MetaKey; object: KubeObject }>();
  readonly #followers = new Set<{ types: readonly string[]; handler: (change: MetaChange) => void }>();

  /** As the cloud does. */
  put(type: string, object: KubeObject): void {
    const key = { namespace: object.metadata.namespace ?? "default", type, name: object.metadata.name ?? "" };
    this.objects.set(textOf(key), { key, object });
    this.#tell({ key, object });
  }

  drop(type: string, name: string, namespace = "default"): void {
    const key = { namespace, type, name };
    this.objects.delete(textOf(key));
    this.#tell({ key, object: undefined });
  }

  #tell(change: MetaChange): void {
    for (const { types, handler } of this.#followers) if (types.includes(change.key.type)) handler(change);
  }

  get(key: MetaKey): KubeObject | undefined {
    return this.objects.get(textOf(key))?.object;
  }

  list(type: string, namespace?: string): readonly KubeObject[] {
    return [...this.objects.values()]
      .filter(({ key }) => key.type === type && (namespace === undefined || key.namespace === namespace))
      .map(({ object }) => object);
  }

  follow(types: readonly string[], handler: (change: MetaChange) => void): Disposable {
    const follower = { types, handler };
    this.#followers.add(follower);
    return { [Symbol.dispose]: () => void this.#followers.delete(follower) };
  }

  async fetch(key: MetaKey): Promise<KubeObject> {
    await Promise.resolve();
    const object = this.get(key);
    if (object) return object;
    throw new SampanError("not_found", `cannot find ${textOf(key)}`);
  }

  async token(): Promise<KubeObject> {
    return await Promise.reject(new SampanError("unavailable", "there are no tokens here"));
  }

  async keep(key: MetaKey, object: KubeObject): Promise<void> {
    await Promise.resolve();
    this.objects.set(textOf(key), { key, object });
  }

  async forget(key: MetaKey): Promise<void> {
    await Promise.resolve();
    this.objects.delete(textOf(key));
  }
}

/** Verdicts are what a test says. */
export class FakeProbes {
  readonly started: string[] = [];
  readonly verdicts = new Map<string, boolean>();
  #handler: (result: ProbeResult) => void = () => undefined;

  start({ id }: { id: string }): void {
    this.started.push(id);
  }

  stop(): void {}

  onVerdict(handler: (result: ProbeResult) => void): void {
    this.#handler = handler;
  }

  verdict(id: string, kind: ProbeKind): boolean | undefined {
    return this.verdicts.get(`${id} ${kind}`) ?? true;
  }

  say(result: ProbeResult): void {
    this.verdicts.set(`${result.id} ${result.kind}`, result.success);
    this.#handler(result);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.resolve();
  }
}

/** Without volumes; images are those that the engine has. */
export function fakeMeans(image: (name: string) => string, probes: FakeProbes, hooks: string[] = []): Means {
  const nothing = async () => await Promise.resolve();
  return {
    probes,
    volumes: {
      mount: async () =>
        await Promise.resolve({ paths: new Map<string, string>(), readOnly: new Set<string>() }),
      refresh: async () => await Promise.resolve(undefined),
      subPath: async () => await Promise.resolve(""),
      releaseSubPaths: nothing,
      overLimit: async () => await Promise.resolve([]),
      used: async () => await Promise.resolve(0),
      unmount: nothing,
      sweep: nothing,
    },
    image: async (_pod, container) => await Promise.resolve({ id: image(container.image) }),
    hook: async (action, { container }) => {
      await Promise.resolve();
      hooks.push(`${container.name}: ${action.exec?.command?.join(" ")}`);
    },
  };
}

/** A clock that goes on when it is told to. */
export class HandClock implements Clock {
  #time = 1_800_000_000_000;
  readonly #plans = new Set<{ readonly at: number; readonly call: () => void }>();

  now(): number {
    return this.#time;
  }

  after(milliseconds: number, call: () => void): () => void {
    const plan = { at: this.#time + Math.max(0, milliseconds), call };
    this.#plans.add(plan);
    return () => void this.#plans.delete(plan);
  }

  /** Second by second; what is due is called, and what follows from it happens, in between. */
  async pass(milliseconds: number): Promise<void> {
    for (let left = milliseconds; left > 0; left -= 1000) {
      this.#time += Math.min(1000, left);
      for (const plan of [...this.#plans].filter(({ at }) => at <= this.#time))
        if (this.#plans.delete(plan)) plan.call();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}
