/** A live engine (test/containers/live.ts) around one image, which can be opened again as when the daemon is replaced. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createContainer } from "../../src/engine/containers/create.ts";
import type { ContainerInfo } from "../../src/engine/containers/containers.ts";
import { readLogs } from "../../src/engine/containers/logs.ts";
import { storedContainer } from "../../src/engine/containers/open.ts";
import { makeRootfs } from "../../src/engine/containers/rootfs.ts";
import { startContainer } from "../../src/engine/containers/start.ts";
import { waitContainer } from "../../src/engine/containers/wait.ts";
import { mountAll } from "../../src/engine/snapshots/mount.ts";
import { unmount } from "../../src/kernel/mounts.ts";
import { liveOf, type Live } from "../containers/live.ts";
import { partsAt, Place as Containers } from "../containers/place.ts";
import { createOf, type Asked } from "../containers/request.ts";

export { needs } from "../containers/place.ts";

export type { Live } from "../containers/live.ts";
export { hear } from "../containers/live.ts";

/** Of a place, also of another process's. */
export function liveAt(dir: string, options: { readonly image?: Parameters<typeof partsAt>[2] } = {}): Live {
  return liveOf(partsAt(dir, undefined, options.image), { init: join(dir, "init") });
}

export class Place implements AsyncDisposable {
  readonly #containers = new Containers();
  readonly dir = this.#containers.dir;
  live: Live;
  #isShut = false;

  constructor() {
    this.live = this.#open();
  }

  #open(): Live {
    return liveAt(this.dir, { image: () => this.#containers.image });
  }

  async fill(...args: Parameters<Containers["fill"]>): Promise<void> {
    await this.#containers.fill(...args);
  }

  /** The engine goes; containers run on. */
  async shut(): Promise<void> {
    if (this.#isShut) return;
    this.#isShut = true;
    await this.live.tasks[Symbol.asyncDispose]();
    this.live.store[Symbol.dispose]();
  }

  mounts(): string[] {
    return this.#containers.mounts();
  }

  unmount(place: string): void {
    unmount(place);
  }

  async mountRoot(id: string): Promise<void> {
    const info = this.get(id);
    const rootfs = makeRootfs(this.live, id, storedContainer(this.live.store, id));
    await mountAll(this.live.snapshots.mounts(info.snapshot), rootfs);
  }

  /** As when the daemon is replaced: another engine on the same roots. */
  async reopen(supervise = true): Promise<void> {
    await this.shut();
    this.live = this.#open();
    this.#isShut = false;
    await this.live.tasks.restore({ supervise });
  }

  async create(asked: Asked): Promise<ContainerInfo> {
    return await createContainer(this.live, createOf(asked));
  }

  /** Created and started. */
  async start(asked: Asked): Promise<ContainerInfo> {
    const { id } = await this.create(asked);
    await startContainer(this.live, id);
    return this.get(id);
  }

  /** To its end: what it ended with. */
  async run(asked: Asked): Promise<number> {
    const { id } = await this.create(asked);
    const ended = waitContainer(this.live, id, "next-exit");
    await startContainer(this.live, id);
    return (await ended).statusCode;
  }

  get(reference: string): ContainerInfo {
    return this.live.containers.get(reference);
  }

  async log(reference: string): Promise<string> {
    const { signal } = new AbortController();
    let text = "";
    for await (const entry of readLogs(this.live, reference, {
      stdout: true,
      stderr: true,
      follow: false,
      signal,
    }))
      text += Buffer.from(entry.text).toString();
    return text;
  }

  /** Resolves when it has said so. */
  async said(reference: string, text: string): Promise<void> {
    const signal = AbortSignal.timeout(10_000);
    for await (const entry of readLogs(this.live, reference, {
      stdout: true,
      stderr: true,
      follow: true,
      signal,
    }))
      if (Buffer.from(entry.text).includes(text)) return;
    throw new Error(`it did not say ${text}`);
  }

  /** What events there were: `start die …`. */
  actions(id?: string): string {
    const all = this.live.events.past().filter((event) => id === undefined || event.id === id);
    return all.map(({ action }) => action).join(" ");
  }

  /** Below the state root, of containers: nothing of those that have ended. */
  leavings(): string[] {
    const { state } = this.live.settings;
    return ["containers", "roots", "runtime/native"].flatMap((name) => {
      const folder = join(state, name);
      return existsSync(folder) ? readdirSync(folder).map((each) => `${name}/${each.slice(0, 12)}`) : [];
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isShut) await this.reopen(false);
    await this.live.tasks[Symbol.asyncDispose]();
    const runtime = this.live.runtimes.get();
    for (const { id } of this.live.containers.list()) await runtime.delete(id, { force: true });
    this.live.store[Symbol.dispose]();
    this.#containers[Symbol.dispose]();
  }
}

export function descriptors(): number {
  return readdirSync("/proc/self/fd").length;
}

/** Bytes of this process that are in memory and of nobody else. */
export function privateMemory(): number {
  const text = readFileSync("/proc/self/smaps_rollup", "utf8");
  const kib = [...text.matchAll(/^Private_(?:Clean|Dirty):\s+(\d+)/gm)].map(([, each]) => Number(each));
  return kib.reduce((sum, each) => sum + each, 0) * 1024;
}
