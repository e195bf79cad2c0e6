/** A real engine in a network namespace of the test's own, with busybox in it; it can be opened again as when the daemon is replaced or the machine was started anew. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openLiveEngine } from "../../src/bin/live-engine.ts";
import { createContainer } from "../../src/engine/containers/create.ts";
import type { ContainerExtras } from "../../src/engine/containers/extras.ts";
import { startContainer } from "../../src/engine/containers/start.ts";
import type { LiveEngine } from "../../src/engine/engine.ts";
import { load } from "../../src/engine/images/load.ts";
import type { PodSandboxRequest } from "../../src/engine/pods/pods.ts";
import { readEngineSettings } from "../../src/engine/settings-file.ts";
import { unmount } from "../../src/kernel/mounts.ts";
import { enterNetwork } from "../../src/kernel/sockets.ts";
import type { CreateBody } from "../../src/spec/docker/create.ts";
import { busyboxArchive } from "../clients/_image.ts";
import { endContainers } from "../daemon/_leavings.ts";
import { must } from "../networks/_place.ts";
import { mountsBelow } from "../snapshots/place.ts";
import { hear } from "../containers/live.ts";
import { attachContainer } from "../../src/engine/containers/attach.ts";
import { waitContainer } from "../../src/engine/containers/wait.ts";

export const needs = { root: true, programs: ["busybox", "ip"], files: ["build/launcher"] } as const;
export const image = "docker.io/library/busybox:test";

export interface Wish {
  readonly host?: CreateBody["HostConfig"];
  readonly body?: CreateBody;
  readonly extras?: ContainerExtras;
}

export class World implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), "sampan-pods-"));
  readonly warnings: string[] = [];
  engine!: LiveEngine;
  readonly #namespace = `sp${process.pid}x${Math.floor(Math.random() * 1e6)}`;
  readonly #network: Disposable;

  private constructor(settings: (folder: string) => string) {
    writeFileSync(join(this.folder, "config.toml"), settings(this.folder));
    // Root of a user namespace must get through to what is mounted for it.
    chmodSync(this.folder, 0o711);
    must(["ip", "netns", "add", this.#namespace]);
    this.#network = enterNetwork(`/run/netns/${this.#namespace}`);
    must(["ip", "link", "set", "lo", "up"]);
  }

  /** `settings` makes the engine's file of settings for this folder. */
  static async open(settings: (folder: string) => string = () => ""): Promise<World> {
    const world = new World(settings);
    try {
      world.engine = await world.openEngine();
      await load(world.engine, inOnePiece(await busyboxArchive(image)));
      return world;
    } catch (error) {
      await world[Symbol.asyncDispose]();
      throw error;
    }
  }

  async openEngine(): Promise<LiveEngine> {
    const settings = readEngineSettings({
      root: join(this.folder, "data"),
      state: join(this.folder, "run"),
      config: join(this.folder, "config.toml"),
      env: {},
    });
    const engine = await openLiveEngine(settings, { warn: (text) => void this.warnings.push(text) });
    await engine.tasks.restore({ supervise: true });
    await engine.pods.restore();
    return engine;
  }

  /** The engine goes, containers run on; then another comes. */
  async again(between: () => Promise<void> | void = () => undefined): Promise<void> {
    await this.engine[Symbol.asyncDispose]();
    await between();
    this.engine = await this.openEngine();
  }

  /** All that a start of the machine takes away. */
  async cutPower(): Promise<void> {
    await endContainers(this.folder);
    for (const mount of mountsBelow(this.folder).toReversed()) unmount(mount);
    rmSync(join(this.folder, "run"), { recursive: true, force: true });
  }

  async pod(more: Partial<PodSandboxRequest> = {}) {
    return await this.engine.pods.run({
      namespace: "default",
      name: "web",
      uid: "u1",
      hostname: "web",
      ...more,
    });
  }

  async container(pod: string, command: readonly string[], host: CreateBody["HostConfig"] = {}) {
    return await this.make(pod, command, { host });
  }

  async make(pod: string, command: readonly string[], { host = {}, body = {}, extras = {} }: Wish) {
    const of = `pod:${pod}`;
    return await createContainer(this.engine, {
      body: {
        Image: image,
        Entrypoint: ["sh", "-c"],
        Cmd: [...command],
        ...body,
        HostConfig: { NetworkMode: of, IpcMode: of, UTSMode: of, ...host },
      },
      extras,
    });
  }

  async start(pod: string, command: readonly string[], host: CreateBody["HostConfig"] = {}) {
    const { id } = await this.container(pod, command, host);
    await startContainer(this.engine, id);
    return id;
  }

  /** What it says to its end. */
  async run(pod: string, command: string, host: CreateBody["HostConfig"] = {}): Promise<string> {
    const { id } = await this.container(pod, [command], host);
    return await this.hear(id);
  }

  /** Starts one; what it says to its end. */
  async hear(id: string): Promise<string> {
    await using attachment = await attachContainer(this.engine, id, {
      stdin: false,
      stdout: true,
      stderr: true,
    });
    const ended = waitContainer(this.engine, id, "next-exit");
    const said = hear(attachment);
    said.catch(() => undefined);
    await startContainer(this.engine, id);
    await ended;
    const { stdout, stderr } = await said;
    return stdout + stderr;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      if (this.engine) {
        for (const { id } of this.engine.pods.list()) await this.engine.pods.remove(id);
        await this.engine[Symbol.asyncDispose]();
      }
      await endContainers(this.folder);
      for (const mount of mountsBelow(this.folder).toReversed()) unmount(mount);
    } finally {
      this.#network[Symbol.dispose]();
      must(["ip", "netns", "del", this.#namespace]);
      rmSync(this.folder, { recursive: true, force: true });
    }
  }
}

async function* inOnePiece(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(bytes);
}
