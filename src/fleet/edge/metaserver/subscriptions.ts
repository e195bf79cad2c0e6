/**
 * What this node has the cloud watch for it. Each kind is listed, so that what went away meanwhile is known, and then watched; both again with each connection, since a cloud forgets its watches with
 * the session.
 */
import { pause, type Clock } from "../../../base/clock.ts";
import { SampanError } from "../../../base/errors.ts";
import type { KubeObject, ResourceId } from "../../../spec/kubernetes/kube.ts";
import { isRecord, parseJson } from "../../link/json.ts";
import { message } from "../../link/envelope.ts";
import { watchSync, type Application } from "../../link/kinds/application.ts";
import type { CloudLink } from "../hub/hub.ts";
import type { Mirror } from "../meta/mirror.ts";
import { resourceKey, type CloudApi } from "./cloud-api.ts";

export interface Selection {
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
}

export interface Subscriptions extends AsyncDisposable {
  /** Keeps what is selected in the store as the cloud has it, until all who asked for it have disposed of it. */
  subscribe(resource: ResourceId, selection?: Selection): Disposable;
}

export interface SubscriptionsOptions {
  readonly link: CloudLink;
  readonly api: CloudApi;
  readonly mirror: Mirror;
  readonly clock: Clock;
  readonly log: (text: string) => void;
  readonly signal: AbortSignal;
}

interface Subscription {
  readonly id: ResourceId;
  readonly selection: Selection;
  readonly application: Application;
  readonly end: AbortController;
  users: number;
  /** Ends the attempt that is under way: a new connection begins another. */
  attempt: AbortController;
  running: Promise<void>;
}

/** Milliseconds between attempts, at first and at most. */
const waits = { first: 5_000, most: 300_000 } as const;
/** Levels of a list. */
const depth = 100;

export function openSubscriptions(options: SubscriptionsOptions): Subscriptions {
  const { link, api, log, signal } = options;
  const all = new Map<string, Subscription>();
  const following = link.onChange((connected) => {
    for (const each of all.values()) each.attempt.abort();
    if (connected) for (const each of all.values()) begin(each);
  });

  function begin(subscription: Subscription): void {
    subscription.attempt.abort();
    subscription.attempt = new AbortController();
    const until = AbortSignal.any([signal, subscription.end.signal, subscription.attempt.signal]);
    subscription.running = keep(subscription, options, until).catch((error: unknown) => {
      if (!until.aborted) log(`cannot watch ${subscription.id.resource}: ${SampanError.from(error).message}`);
    });
  }

  function sync(): void {
    const live = Object.fromEntries(
      [...all.values()].map(({ application }) => [application.ID, application]),
    );
    const route = {
      source: "metaserver",
      group: "dynamiccontroller",
      operation: "null",
      resource: "watchapp/sync",
    };
    link.send(message(route, watchSync.build(live)));
  }

  return {
    subscribe(id, selection = {}) {
      const { namespace, ...selectors } = selection;
      const verb = { verb: "watch", key: resourceKey(id, namespace, undefined), options: selectors } as const;
      const application = api.application(verb);
      let subscription = all.get(application.ID);
      if (!subscription) {
        const end = new AbortController();
        const attempt = new AbortController();
        const running = Promise.resolve();
        subscription = { id, selection, application, end, attempt, users: 0, running };
        all.set(application.ID, subscription);
        if (link.connected) begin(subscription);
      }
      const mine = subscription;
      mine.users += 1;
      let isOver = false;
      return {
        [Symbol.dispose]() {
          if (isOver) return;
          isOver = true;
          mine.users -= 1;
          if (mine.users > 0) return;
          mine.end.abort();
          all.delete(application.ID);
          sync();
        },
      };
    },
    async [Symbol.asyncDispose]() {
      following[Symbol.dispose]();
      for (const { end } of all.values()) end.abort();
      await Promise.all([...all.values()].map(({ running }) => running));
    },
  };
}

/** Until the watch stands, or somebody ends it. */
async function keep(
  subscription: Subscription,
  options: SubscriptionsOptions,
  signal: AbortSignal,
): Promise<void> {
  const { clock, log } = options;
  let told = "";
  for (let wait: number = waits.first; !signal.aborted; wait = Math.min(wait * 2, waits.most))
    try {
      return await start(subscription, options, signal);
    } catch (error) {
      const { message: words } = SampanError.from(error);
      if (!signal.aborted && words !== told) log(`cannot watch ${subscription.id.resource}: ${words}`);
      told = words;
      await pause(clock, wait, signal);
    }
}

async function start(
  { id, selection }: Subscription,
  { api, mirror }: SubscriptionsOptions,
  signal: AbortSignal,
): Promise<void> {
  const { namespace, ...selectors } = selection;
  const asked = { key: resourceKey(id, namespace, undefined), options: selectors, signal };
  const isWhole = !selection.labelSelector && !selection.fieldSelector;
  const objects = listOf(await api.ask({ ...asked, verb: "list" }));
  if (isWhole) mirror.replace(id, objects, namespace);
  else for (const object of objects) mirror.take("update", object, id);
  await api.ask({ ...asked, verb: "watch" });
}

/** The objects of a list, each with the kind that stands in the list's only. */
export function listOf(text: string): readonly KubeObject[] {
  const list = parseJson(text, "the cloud's list", depth);
  if (!isRecord(list) || !Array.isArray(list["items"])) return [];
  const { apiVersion, kind } = list;
  const single = typeof kind === "string" ? kind.replace(/List$/, "") : "";
  return list["items"].flatMap((item: unknown) =>
    isRecord(item) && isRecord(item["metadata"])
      ? [
          {
            apiVersion: typeof apiVersion === "string" ? apiVersion : "",
            kind: single,
            ...item,
          } as unknown as KubeObject,
        ]
      : [],
  );
}
