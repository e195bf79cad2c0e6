/** A live engine around one image, with the real native runtime and monitors; networks and volumes are stood in for, since they have their own tests. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createContainer } from "../../src/engine/containers/create.ts";
import type { ContainerInfo } from "../../src/engine/containers/containers.ts";
import { readLogs } from "../../src/engine/containers/logs.ts";
import { storedContainer } from "../../src/engine/containers/open.ts";
import type { LifeParts } from "../../src/engine/containers/parts.ts";
import { makeRootfs } from "../../src/engine/containers/rootfs.ts";
import { startContainer } from "../../src/engine/containers/start.ts";
import { openTasks } from "../../src/engine/containers/tasks.ts";
import { waitContainer } from "../../src/engine/containers/wait.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { openEvents } from "../../src/engine/events/open.ts";
import type { Networks } from "../../src/engine/networks/networks.ts";
import { mountAll } from "../../src/engine/snapshots/mount.ts";
import type { Volumes } from "../../src/engine/volumes/volumes.ts";
import { unmount } from "../../src/kernel/mounts.ts";
import { openMonitors } from "../../src/runtime/monitor/open.ts";
import { openRuntimes } from "../../src/runtime/open.ts";
import type { Attachment } from "../../src/runtime/runtime.ts";
import { partsAt, Place as Containers } from "../containers/place.ts";
import { createOf, type Asked } from "../containers/request.ts";

export { needs } from "../containers/place.ts";

export type Live = LifeParts & Pick<Engine, "images" | "leases"> & { readonly warnings: string[] };

const noNetworks = {
  list: () => [],
  connect: async () => await Promise.resolve(),
  disconnect: async () => await Promise.resolve(),
  close: async () => await Promise.resolve(),
  sandbox: () => undefined,
  restore: async () => await Promise.resolve([]),
  renamed: async () => await Promise.resolve(),
} as unknown as Networks;

function foldersAsVolumes(root: string): Volumes {
  const folder = (name: string) => join(root, "volumes", name, "_data");
  return {
    list: () => [],
    create: async ({ name = "" }: { name?: string }) => {
      await Promise.resolve(mkdirSync(folder(name), { recursive: true }));
    },
    acquire: async (name: string) => await Promise.resolve(folder(name)),
    release: async () => await Promise.resolve(),
    remove: async (name: string) =>
      await Promise.resolve(rmSync(join(root, "volumes", name), { recursive: true, force: true })),
  } as unknown as Volumes;
}

/** Of a place, also of another process's. */
export function liveAt(dir: string, options: { readonly image?: Parameters<typeof partsAt>[2] } = {}): Live {
  const base = partsAt(dir, undefined, options.image);
  const warnings: string[] = [];
  const warn = (text: string) => void warnings.push(text);
  const network = { dns: [], dnsSearch: [], dnsOptions: [] };
  const settings = {
    ...base.settings,
    logs: { maxSize: 10 << 20, maxFiles: 3 },
    network,
  } as unknown as Engine["settings"];
  const parts = {
    ...base,
    settings,
    warnings,
    runtimes: openRuntimes({
      root: join(settings.state, "runtime"),
      externals: {},
      default: "native",
      init: join(dir, "init"),
      warn,
    }),
    monitors: openMonitors(),
    events: openEvents(),
    networks: noNetworks,
    volumes: foldersAsVolumes(base.store.root),
  };
  return { ...parts, tasks: openTasks(parts, { warn }) };
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

/** What an attachment says to its end: what stands on each stream. */
export async function hear(attachment: Attachment | undefined): Promise<{ stdout: string; stderr: string }> {
  const pieces: Uint8Array[] = [];
  for await (const piece of attachment?.output ?? []) pieces.push(piece);
  const bytes = Buffer.concat(pieces);
  const said = { stdout: "", stderr: "" };
  for (let at = 0; at + 8 <= bytes.length;) {
    const end = at + 8 + bytes.readUInt32BE(at + 4);
    said[bytes[at] === 2 ? "stderr" : "stdout"] += bytes.subarray(at + 8, end).toString();
    at = end;
  }
  return said;
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
