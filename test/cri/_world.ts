/** The CRI over a real engine in a network namespace of the test's own, and a client of ours to all of its calls. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type Client, ConnectError, createClient } from "@connectrpc/connect";
import { type Cri, openCri } from "../../src/api/cri/open.ts";
import { systemClock } from "../../src/base/clock.ts";
import { openLiveEngine } from "../../src/bin/live-engine.ts";
import type { LiveEngine } from "../../src/engine/engine.ts";
import { load } from "../../src/engine/images/load.ts";
import { readEngineSettings } from "../../src/engine/settings-file.ts";
import { unmount } from "../../src/kernel/mounts.ts";
import { enterNetwork } from "../../src/kernel/sockets.ts";
import {
  type ContainerConfig,
  ContainerConfigSchema,
  type ContainerStatus,
  ContainerState,
  ImageService,
  NamespaceMode,
  type PodSandboxConfig,
  PodSandboxConfigSchema,
  RuntimeService,
} from "../../src/wire/cri/cri_pb.ts";
import { type GrpcConnection, openGrpcClient } from "../../src/wire/grpc/client.ts";
import { busyboxArchive } from "../clients/_image.ts";
import { endContainers } from "../daemon/_leavings.ts";
import { must } from "../networks/_place.ts";
import { mountsBelow } from "../snapshots/place.ts";

export const needs = { root: true, programs: ["busybox", "ip"], files: ["build/launcher"] } as const;
export const image = "docker.io/library/busybox:test";

type SandboxInit = Exclude<MessageInitShape<typeof PodSandboxConfigSchema>, PodSandboxConfig>;
type ContainerInit = Exclude<MessageInitShape<typeof ContainerConfigSchema>, ContainerConfig>;

export class World implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), "sampan-cri-"));
  readonly warnings: string[] = [];
  engine!: LiveEngine;
  cri!: Cri & AsyncDisposable;
  connection!: GrpcConnection;
  runtime!: Client<typeof RuntimeService>;
  images!: Client<typeof ImageService>;
  #pods = 0;
  readonly #namespace = `sc${process.pid}x${Math.floor(Math.random() * 1e6)}`;
  readonly #network: Disposable;

  private constructor() {
    must(["ip", "netns", "add", this.#namespace]);
    this.#network = enterNetwork(`/run/netns/${this.#namespace}`);
    must(["ip", "link", "set", "lo", "up"]);
  }

  static async open(): Promise<World> {
    const world = new World();
    try {
      await world.#begin();
      await load(world.engine, inOnePiece(await busyboxArchive(image)));
      return world;
    } catch (error) {
      await world[Symbol.asyncDispose]();
      throw error;
    }
  }

  get socket(): string {
    return join(this.folder, "cri.sock");
  }

  async #begin(): Promise<void> {
    const read = readEngineSettings({
      root: join(this.folder, "data"),
      state: join(this.folder, "run"),
      config: "/dev/null",
      env: {},
    });
    const settings = {
      ...read,
      network: { ...read.network, cni: { configs: join(this.folder, "net.d"), plugins: [] } },
      cri: { ...read.cri, socket: this.socket },
    };
    const log = (text: string) => void this.warnings.push(text);
    this.engine = await openLiveEngine(settings, { warn: log });
    await this.engine.tasks.restore({ supervise: true });
    await this.engine.pods.restore();
    this.cri = await openCri(this.engine, { settings: settings.cri, clock: systemClock(), log });
    this.connection = openGrpcClient(this.socket);
    this.runtime = createClient(RuntimeService, this.connection.transport);
    this.images = createClient(ImageService, this.connection.transport);
  }

  async #end(): Promise<void> {
    this.connection?.[Symbol.dispose]();
    await this.cri?.[Symbol.asyncDispose]();
    await this.engine?.[Symbol.asyncDispose]();
  }

  /** As when the daemon is replaced: containers run on. */
  async again(): Promise<void> {
    await this.#end();
    await this.#begin();
  }

  sandboxConfig(more: SandboxInit = {}): PodSandboxConfig {
    const number = ++this.#pods;
    return create(PodSandboxConfigSchema, {
      metadata: { name: `pod${number}`, uid: `u${number}`, namespace: "default", attempt: 0 },
      hostname: `host${number}`,
      logDirectory: join(this.folder, "logs", `pod${number}`),
      linux: { securityContext: { namespaceOptions: { pid: NamespaceMode.CONTAINER } } },
      ...more,
    });
  }

  async pod(more: SandboxInit = {}): Promise<{ id: string; config: PodSandboxConfig }> {
    const config = this.sandboxConfig(more);
    const { podSandboxId: id } = await this.runtime.runPodSandbox({ config });
    return { id, config };
  }

  async container(
    podSandboxId: string,
    script: string,
    { name = "main", ...more }: ContainerInit & { readonly name?: string } = {},
  ): Promise<string> {
    const { containerId } = await this.runtime.createContainer({
      podSandboxId,
      config: {
        metadata: { name, attempt: 0 },
        image: { image },
        command: ["sh", "-c", script],
        logPath: `${name}.log`,
        ...more,
      },
    });
    return containerId;
  }

  async start(
    podSandboxId: string,
    script: string,
    more?: Parameters<World["container"]>[2],
  ): Promise<string> {
    const containerId = await this.container(podSandboxId, script, more);
    await this.runtime.startContainer({ containerId });
    return containerId;
  }

  async status(containerId: string): Promise<ContainerStatus> {
    const { status } = await this.runtime.containerStatus({ containerId });
    if (!status) throw new Error("there is no status");
    return status;
  }

  /** When so many follow the engine's events. */
  async listeners(count: number): Promise<void> {
    while (this.cri.listeners < count) await new Promise((resolve) => setTimeout(resolve, 10));
  }

  /** When it has ended. */
  async ended(containerId: string): Promise<ContainerStatus> {
    for (;;) {
      const status = await this.status(containerId);
      if (status.state === ContainerState.CONTAINER_EXITED) return status;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** What a container says to its end, as its log has it. */
  async said(
    podSandboxId: string,
    script: string,
    more?: Parameters<World["container"]>[2],
  ): Promise<string> {
    const containerId = await this.start(podSandboxId, script, more);
    const { logPath } = await this.ended(containerId);
    const lines = readFileSync(logPath, "utf8").split("\n").slice(0, -1);
    await this.runtime.removeContainer({ containerId });
    rmSync(logPath);
    return lines
      .map((line) => / (?:stdout|stderr) ([PF]) (.*)$/.exec(line) ?? [])
      .map(([, kind, text = ""]) => (kind === "F" ? `${text}\n` : text))
      .join("");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      for (const { id } of this.engine?.pods.list() ?? []) await this.engine.pods.remove(id);
      await this.#end();
      await endContainers(this.folder);
      for (const mount of mountsBelow(this.folder).toReversed()) unmount(mount);
    } finally {
      this.#network[Symbol.dispose]();
      must(["ip", "netns", "del", this.#namespace]);
      rmSync(this.folder, { recursive: true, force: true });
    }
  }
}

/** The code that a call is refused with. */
export async function refusal(call: Promise<unknown>): Promise<ConnectError> {
  try {
    await call;
  } catch (error) {
    return ConnectError.from(error);
  }
  throw new Error("it was not refused");
}

async function* inOnePiece(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(bytes);
}
