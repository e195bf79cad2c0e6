/** What a controller is: some informers, and a look at one key that brings the API's state nearer to what is wanted. */
import {
  KubeError,
  type KubeClient,
  type KubeObject,
  type ResourceId,
} from "../../../../spec/kubernetes/kube.ts";
import type { Clock } from "../../../../base/clock.ts";
import type { EventRecorder } from "./events.ts";
import type { Informer } from "../../informer/informer.ts";
import type { Informers } from "../../informer/informers.ts";
import { Queue } from "../../informer/queue.ts";
import { keyOf } from "./references.ts";

export interface Context {
  /** Tells the informers of each write. */
  readonly client: KubeClient;
  readonly informers: Informers;
  readonly events: EventRecorder;
  readonly clock: Clock;
  /** From 0 to 1, without 1. */
  readonly random: () => number;
  readonly log: (text: string) => void;
}

export interface Controller {
  readonly name: string;
  /** Those that have to know the API's state before the first look. */
  readonly informers: readonly Informer[];
  /** How many keys it looks at together: 1. */
  readonly workers?: number;
  /** Milliseconds after which to look again, or undefined when only a change is worth a look. */
  reconcile(key: string, signal: AbortSignal): Promise<number | undefined>;
}

/** Puts a key into the controller's queue, at once or after so many milliseconds. */
export type Enqueue = (key: string, afterMilliseconds?: number) => void;

/** Each object is looked at whenever it changed, also when it is gone. */
export function lookAtChanged(informer: Informer, enqueue: Enqueue): void {
  informer.onChange((now, before) => {
    const object = now ?? before;
    if (object) enqueue(keyOf(object));
  });
}

/** Subscribes to informers, and says what is to be done. */
export type ControllerFactory = (context: Context, enqueue: Enqueue) => Controller;

/** Runs a controller until the signal aborts. */
export async function runController(
  context: Context,
  factory: ControllerFactory,
  signal: AbortSignal,
): Promise<void> {
  const { clock, log } = context;
  const queue: Queue = new Queue({
    clock,
    signal,
    work: (key, limit) => controller.reconcile(key, limit),
    onError(key, error) {
      if (error instanceof KubeError && isStale(error)) return;
      log(
        `${controller.name}: cannot reconcile "${key}": ${error instanceof Error ? error.message : String(error)}`,
      );
    },
  });
  const controller = factory(context, (key, after = 0) => {
    if (after > 0) queue.addAfter(key, after);
    else queue.add(key);
  });
  const aborted = new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
  await Promise.race([aborted, Promise.all(controller.informers.map(({ synced }) => synced))]);
  await queue.run(controller.workers);
}

/** Somebody else was quicker: the next look sees what they wrote, or that the object is gone. */
export function isStale({ reason, details }: KubeError): boolean {
  return reason === "Conflict" || (reason === "NotFound" && details?.name !== undefined);
}

/** Writes the status of an object where it differs. `object` is not changed. */
export async function writeStatus(
  client: KubeClient,
  resource: ResourceId,
  object: KubeObject,
  options: { readonly status: object; readonly signal: AbortSignal },
): Promise<KubeObject> {
  const { status, signal } = options;
  return client.update(resource, { ...object, status }, { subresource: "status", signal });
}

/** For deletions of what may be gone already. */
export async function unlessGone<Result>(write: Promise<Result>): Promise<Result | undefined> {
  return unlessRefused(write, "NotFound");
}

/** For creations of what may be there already. */
export async function unlessPresent<Result>(write: Promise<Result>): Promise<Result | undefined> {
  return unlessRefused(write, "AlreadyExists");
}

async function unlessRefused<Result>(
  write: Promise<Result>,
  reason: "NotFound" | "AlreadyExists",
): Promise<Result | undefined> {
  try {
    return await write;
  } catch (error) {
    if (error instanceof KubeError && error.reason === reason) return undefined;
    throw error;
  }
}

/** The place of an object, for the client's verbs. */
export function place(object: KubeObject): { namespace: string | undefined; name: string } {
  return { namespace: object.metadata.namespace, name: object.metadata.name ?? "" };
}

/** So many writes of one look are under way at a time: the server puts those that come together on the disk together. */
const together = 32;

/** Does it for all, some at a time. The first refusal is thrown, once the others that were begun are done. */
export async function forAll<Item>(
  items: readonly Item[],
  act: (item: Item) => Promise<unknown>,
): Promise<void> {
  for (let done = 0; done < items.length; done += together) {
    const results = await Promise.allSettled(items.slice(done, done + together).map(act));
    for (const result of results) if (result.status === "rejected") throw result.reason;
  }
}
