/** Brings the pods of manifests to life, follows their folder, and keeps a mirror of each in the cloud. They run whether or not there is one. */
import { mkdirSync, watch, type FSWatcher } from "node:fs";
import { SampanError } from "../../../base/errors.ts";
import type { Pod } from "../../../spec/kubernetes/pod.ts";
import { message } from "../../link/envelope.ts";
import { podDelete, podInsert } from "../../link/kinds/pods.ts";
import { reply, type Reply } from "../../link/kinds/queries.ts";
import { formatResource } from "../../link/resources.ts";
import type { EdgeContext } from "../part.ts";
import { annotations, isMirror, mirrorOf, readManifests } from "./manifests.ts";
import { refusalOf } from "./node.ts";

export interface StaticParts extends Pick<
  EdgeContext,
  "node" | "link" | "meta" | "clock" | "log" | "signal"
> {
  readonly folder: string;
  readonly want: (pod: Pod) => void;
  readonly unwant: (uid: string) => void;
  /** The cloud knows it under a UID from now on: there is much to tell. */
  readonly mirrored: (pod: Pod) => void;
}

/** Milliseconds: what an editor does to a file is over then; and until a mirror that was refused is tried again. */
const settle = 100;
const again = 30_000;

export class StaticPods implements Disposable {
  readonly #parts: StaticParts;
  readonly #pods = new Map<string, Pod>();
  /** UIDs of mirrors, by those of their pods. */
  readonly #mirrors = new Map<string, string>();
  readonly #stack = new DisposableStack();
  #cancel = () => {};
  #turn: Promise<void> = Promise.resolve();

  constructor(parts: StaticParts) {
    this.#parts = parts;
    const { folder, link, meta } = parts;
    mkdirSync(folder, { recursive: true, mode: 0o755 });
    const watcher: FSWatcher = watch(folder, () => this.#soon(settle));
    watcher.on("error", (error) => parts.log(`cannot follow "${folder}": ${error.message}`));
    watcher.unref();
    this.#stack.defer(() => watcher.close());
    this.#stack.defer(() => this.#cancel());
    this.#scan();
    this.#stack.use(
      meta.follow(["pod"], ({ object }) => {
        // A mirror that somebody deleted is made again.
        if (object === undefined ? this.#pods.size > 0 : isMirror(object as Pod)) this.#soon(settle);
      }),
    );
    this.#stack.use(
      link.onChange((connected) => {
        if (connected) this.#soon(0);
      }),
    );
  }

  /** The UID of its mirror; undefined while it has none. */
  mirror(uid: string): string | undefined {
    return this.#mirrors.get(uid);
  }

  has(uid: string): boolean {
    return this.#pods.has(uid);
  }

  [Symbol.dispose](): void {
    this.#stack.dispose();
  }

  #soon(milliseconds: number): void {
    this.#cancel();
    this.#cancel = this.#parts.clock.after(milliseconds, () => this.#scan());
  }

  #scan(): void {
    const { folder, node, log, want, unwant } = this.#parts;
    let found: readonly Pod[];
    try {
      found = readManifests(folder, node, log);
    } catch (error) {
      return log(`cannot read "${folder}": ${SampanError.from(error).message}`);
    }
    const now = new Map(found.map((pod) => [pod.metadata.uid ?? "", pod]));
    for (const [uid, pod] of this.#pods)
      if (!now.has(uid)) {
        this.#pods.delete(uid);
        unwant(uid);
        const mirror = this.#mirrors.get(uid);
        this.#mirrors.delete(uid);
        if (mirror !== undefined) this.#inTurn(() => this.#delete(pod, mirror));
      }
    for (const [uid, pod] of now) {
      if (!this.#pods.has(uid)) want(pod);
      this.#pods.set(uid, pod);
    }
    this.#inTurn(() => this.#mirrorAll());
  }

  #inTurn(work: () => Promise<void>): void {
    this.#turn = this.#turn.then(work).catch((error: unknown) => {
      const { code, message: text } = SampanError.from(error);
      if (code === "unavailable" || this.#parts.signal.aborted) return;
      this.#parts.log(`cannot mirror static pods: ${text}`);
      this.#soon(again);
    });
  }

  async #mirrorAll(): Promise<void> {
    for (const [uid, pod] of this.#pods) {
      if (!this.#parts.link.connected) return;
      const known = this.#known(pod);
      if (known?.metadata.annotations?.[annotations.mirror] === uid)
        this.#isMirrored(pod, known.metadata.uid ?? "");
      else {
        if (known) await this.#delete(pod, known.metadata.uid ?? "");
        await this.#insert(pod);
      }
    }
  }

  /** What the cloud has sent of it: a mirror is bound to this node. */
  #known({ metadata: { namespace = "default", name = "" } }: Pod): Pod | undefined {
    const found = this.#parts.meta.get({ namespace, type: "pod", name }) as Pod | undefined;
    return found && isMirror(found) ? found : undefined;
  }

  #isMirrored(pod: Pod, mirror: string): void {
    const { uid = "" } = pod.metadata;
    if (this.#mirrors.get(uid) === mirror) return;
    this.#mirrors.set(uid, mirror);
    this.#parts.mirrored(pod);
  }

  async #insert(pod: Pod): Promise<void> {
    const content = podInsert.build(mirrorOf(pod) as unknown as Parameters<typeof podInsert.build>[0]);
    const answer = await this.#ask(pod, "insert", content);
    const refusal = refusalOf(answer);
    const uid = answer.is === "response" ? answer.response.Object?.metadata?.uid : undefined;
    if (refusal === undefined && uid !== undefined) return this.#isMirrored(pod, uid);
    if (refusal !== undefined && refusal !== "AlreadyExists") throw new SampanError("internal", refusal);
  }

  async #delete(pod: Pod, uid: string): Promise<void> {
    await this.#ask(pod, "delete", podDelete.build({ gracePeriodSeconds: 0, preconditions: { uid } }));
  }

  async #ask({ metadata }: Pod, operation: string, content: unknown): Promise<Reply> {
    const { link, clock, signal } = this.#parts;
    const { namespace = "default", name = "" } = metadata;
    const route = {
      source: "edged",
      group: "meta",
      operation,
      resource: formatResource({ namespace, type: "pod", name }),
    };
    const answer = await link.ask(message(route, content, { now: clock.now() }), { signal });
    return reply.parse(answer.content);
  }
}
