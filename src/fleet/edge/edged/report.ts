/**
 * Tells the cloud what became of pods: a patch of the status of each, the newest only, one at a time for a pod; and of deleted ones that they have ended, until the cloud has heard it. While there is
 * no link nothing is tried; when it comes back all is said again.
 */
import { pause } from "../../../base/clock.ts";
import { SampanError } from "../../../base/errors.ts";
import type { Pod, PodStatus } from "../../../spec/kubernetes/pod.ts";
import { message } from "../../link/envelope.ts";
import { podDelete, podPatch } from "../../link/kinds/pods.ts";
import { reply } from "../../link/kinds/queries.ts";
import { formatResource } from "../../link/resources.ts";
import type { EdgeContext } from "../part.ts";
import { refusalOf } from "./node.ts";
import { statusPatch } from "./patch.ts";

interface Entry {
  pod: Pod;
  status: PodStatus | undefined;
  /** What the cloud has taken, as far as it is known. */
  sent: PodStatus | undefined;
  /** What was said over this link. */
  said: PodStatus | undefined;
  /** It has ended. */
  isEnded: boolean;
  /** Something is still to be said. */
  isDue: boolean;
  isBusy: boolean;
}

/** Milliseconds after which what was not answered is said again. */
const again = 10_000;
/** How many messages wait for an answer at once. */
const side = 8;

export class Reporter implements Disposable {
  readonly #context: Pick<EdgeContext, "link" | "clock" | "log" | "signal">;
  readonly #entries = new Map<string, Entry>();
  readonly #waiting: Entry[] = [];
  readonly #watch: Disposable;
  /** The UID under which the cloud knows a pod: that of a mirror for a static one; undefined while there is none. */
  readonly #uidOf: (pod: Pod) => string | undefined;
  #running = 0;

  constructor(
    context: Pick<EdgeContext, "link" | "clock" | "log" | "signal">,
    uidOf: (pod: Pod) => string | undefined,
  ) {
    this.#context = context;
    this.#uidOf = uidOf;
    this.#watch = context.link.onChange((connected) => {
      if (connected) this.sayAll();
    });
  }

  status(pod: Pod, status: PodStatus): void {
    const entry = this.#entry(pod);
    entry.pod = pod;
    entry.status = status;
    this.#due(entry);
  }

  ended(pod: Pod): void {
    const entry = this.#entry(pod);
    entry.pod = pod;
    entry.isEnded = true;
    this.#due(entry);
  }

  /** The cloud knows it by another UID than before, and nothing of it. */
  again(pod: Pod): void {
    const entry = this.#entries.get(pod.metadata.uid ?? "");
    if (!entry) return;
    entry.said = undefined;
    entry.sent = undefined;
    this.#due(entry);
  }

  forget(uid: string): void {
    this.#entries.delete(uid);
  }

  sayAll(): void {
    for (const entry of this.#entries.values()) {
      entry.said = undefined;
      // A cloud that was put back to an older copy has what was there before that.
      entry.sent = undefined;
      this.#due(entry);
    }
  }

  [Symbol.dispose](): void {
    this.#watch[Symbol.dispose]();
    this.#entries.clear();
    this.#waiting.length = 0;
  }

  #entry(pod: Pod): Entry {
    const { uid = "" } = pod.metadata;
    const found = this.#entries.get(uid);
    if (found) return found;
    const entry: Entry = {
      pod,
      status: undefined,
      sent: undefined,
      said: undefined,
      isEnded: false,
      isDue: false,
      isBusy: false,
    };
    this.#entries.set(uid, entry);
    return entry;
  }

  #due(entry: Entry): void {
    if (!entry.isDue) this.#waiting.push(entry);
    entry.isDue = true;
    this.#go();
  }

  #go(): void {
    while (this.#running < side && this.#context.link.connected) {
      const at = this.#waiting.findIndex(({ isBusy }) => !isBusy);
      const [entry] = at < 0 ? [] : this.#waiting.splice(at, 1);
      if (!entry) return;
      this.#running += 1;
      entry.isBusy = true;
      entry.isDue = false;
      void this.#say(entry).finally(() => {
        this.#running -= 1;
        entry.isBusy = false;
        this.#go();
      });
    }
  }

  async #say(entry: Entry): Promise<void> {
    const { log, clock, signal } = this.#context;
    try {
      if (entry.status && entry.status !== entry.said) await this.#patch(entry, entry.status);
      if (entry.isEnded) await this.#delete(entry);
    } catch (error) {
      const { code, message: text } = SampanError.from(error);
      // A link that has fallen brings it up again by itself.
      if (code === "unavailable" || signal.aborted) return this.#keep(entry);
      log(`cannot tell the cloud of pod "${nameOf(entry.pod)}": ${text}`);
      await pause(clock, again, signal);
      this.#keep(entry);
    }
  }

  #keep(entry: Entry): void {
    if (entry.isDue || !this.#entries.has(entry.pod.metadata.uid ?? "")) return;
    entry.isDue = true;
    this.#waiting.push(entry);
  }

  async #patch(entry: Entry, status: PodStatus): Promise<void> {
    const { pod } = entry;
    const uid = this.#uidOf(pod);
    if (uid === undefined) return;
    const patch = { ...statusPatch(pod, status, entry.sent), metadata: { uid } };
    const answer = await this.#ask(pod, {
      operation: "patch",
      type: "podpatch",
      content: podPatch.build(patch),
    });
    // What it refuses because the pod is gone or another it will say itself.
    if (answer !== undefined && answer !== "NotFound" && answer !== "Conflict")
      throw new SampanError("internal", answer);
    entry.sent = status;
    entry.said = status;
  }

  /** The cloud then says by a message of its own that the pod is gone; until then it is one of ours. */
  async #delete({ pod }: Entry): Promise<void> {
    const uid = this.#uidOf(pod);
    if (uid === undefined) return;
    const content = podDelete.build({ gracePeriodSeconds: 0, preconditions: { uid } });
    const refusal = await this.#ask(pod, { operation: "delete", type: "pod", content });
    if (refusal !== undefined && refusal !== "NotFound" && refusal !== "Conflict")
      throw new SampanError("internal", refusal);
  }

  /** Undefined, or why it was refused: the reason, or a text. */
  async #ask(
    pod: Pod,
    {
      operation,
      type,
      content,
    }: { readonly operation: string; readonly type: string; readonly content: unknown },
  ): Promise<string | undefined> {
    const { link, clock, signal } = this.#context;
    const { namespace = "default", name = "" } = pod.metadata;
    const resource = formatResource({ namespace, type, name });
    const route = { source: "edged", group: "meta", operation, resource };
    const answer = await link.ask(message(route, content, { now: clock.now() }), { signal });
    return refusalOf(reply.parse(answer.content));
  }
}

const nameOf = ({ metadata }: Pod) => `${metadata.namespace ?? "default"}/${metadata.name ?? ""}`;
