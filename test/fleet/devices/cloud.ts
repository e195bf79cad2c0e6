/** An embedded API with the fleet's kinds, informers, and a hub without a network: what one part of the cloud needs to run. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock, type Clock } from "../../../src/base/clock.ts";
import { openApiServer } from "../../../src/fleet/cloud/apiserver/server.ts";
import { installCrds } from "../../../src/fleet/cloud/crds/install.ts";
import { Informers } from "../../../src/fleet/cloud/informer/informers.ts";
import type { CloudContext, CloudPart } from "../../../src/fleet/cloud/part.ts";
import { type KubeClient, type KubeObject, type ResourceId } from "../../../src/spec/kubernetes/kube.ts";
import { openFakeHub, type FakeHub } from "../fake-hub.ts";
import { within } from "../until.ts";

export interface PartCloud extends AsyncDisposable {
  readonly context: CloudContext;
  readonly client: KubeClient;
  readonly hub: FakeHub;
  /** Of the API, whose certificate nobody else trusts. */
  readonly url: string;
  /** What was said for a person. */
  readonly logs: readonly string[];
  /** Resolves with the object once it is so. */
  readonly until: (
    resource: ResourceId,
    name: string,
    is: (object: KubeObject) => boolean,
    namespace?: string,
  ) => Promise<KubeObject>;
  /** Resolves when there is no such object. */
  readonly untilGone: (resource: ResourceId, name: string, namespace?: string) => Promise<void>;
  /** Lets time go by, minute for minute, until it is so. */
  readonly passing: <Result>(what: Promise<Result>) => Promise<Result>;
  /** Begins another part on the same cloud. */
  begin(part: CloudPart): Promise<AsyncDisposable>;
}

export interface PartCloudOptions {
  /** Defined besides the fleet's kinds, or in their place. */
  readonly change?: (client: KubeClient) => Promise<unknown>;
  /** The client that the part gets. */
  readonly client?: (real: KubeClient) => KubeClient;
  readonly controllers?: boolean;
}

export async function openPartCloud(part: CloudPart, options: PartCloudOptions = {}): Promise<PartCloud> {
  await using opening = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), "sampan-part-"));
  opening.defer(() => rmSync(folder, { recursive: true, force: true }));
  const logs: string[] = [];
  const log = (text: string) => void logs.push(text);
  const { controllers = false } = options;
  const server = opening.use(await openApiServer({ folder, host: "127.0.0.1", port: 0, log, controllers }));
  await server.whenReady;
  await installCrds(server.client);
  await options.change?.(server.client);
  const stop = new AbortController();
  const { signal } = stop;
  const clock = openTime();
  const client = options.client?.(server.client) ?? server.client;
  const informers = new Informers({ client, clock, log, signal });
  opening.defer(async () => {
    stop.abort();
    await informers.ended();
  });
  const hub = openFakeHub();
  const context: CloudContext = { client, informers, hub, clock, log, signal };
  opening.use(await part(context));
  const closing = opening.move();

  async function watch(
    resource: ResourceId,
    name: string,
    {
      namespace,
      is,
    }: { readonly namespace: string | undefined; readonly is: (found: KubeObject | undefined) => boolean },
  ): Promise<KubeObject | undefined> {
    const informer = informers.of(resource);
    await informer.synced;
    const { promise, resolve } = Promise.withResolvers<KubeObject | undefined>();
    const look = (): void => {
      const found = informer.store.get(namespace, name);
      if (is(found)) resolve(found);
    };
    informer.onChange(look);
    look();
    return await within(
      promise,
      () => `${resource.resource}/${name}: ${JSON.stringify(informer.store.get(namespace, name))}`,
    );
  }

  return {
    context,
    client: server.client,
    url: server.url,
    hub,
    logs,
    begin: async (another) => closing.use(await another(context)),
    async until(resource, name, is, namespace) {
      const found = await watch(resource, name, {
        namespace,
        is: (object) => object !== undefined && is(object),
      });
      if (!found) throw new Error("unreachable");
      return found;
    },
    untilGone: async (resource, name, namespace) => {
      await watch(resource, name, { namespace, is: (object) => object === undefined });
    },
    passing: async (what) => {
      let isOver = false;
      const end = (): void => {
        isOver = true;
      };
      what.then(end, end);
      // It has an end of its own: see `until`.
      while (!isOver) {
        clock.advance(60_000);
        await new Promise((resolve) => setImmediate(resolve));
      }
      return await what;
    },
    [Symbol.asyncDispose]: () => closing.disposeAsync(),
  };
}

/** The machine's own time, which can be set forward. */
function openTime(): Clock & { advance(milliseconds: number): void } {
  let ahead = 0;
  const own = systemClock();
  const waiting = new Map<() => void, number>();
  const now = (): number => own.now() + ahead;
  return {
    now,
    after(milliseconds, call) {
      const cancel = own.after(milliseconds, () => fire());
      const fire = (): void => {
        cancel();
        if (waiting.delete(fire)) call();
      };
      waiting.set(fire, now() + milliseconds);
      return () => {
        cancel();
        waiting.delete(fire);
      };
    },
    advance(milliseconds) {
      ahead += milliseconds;
      for (const [fire, at] of waiting) if (at <= now()) fire();
    },
  };
}
