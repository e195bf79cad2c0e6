/** A real engine with sandboxes and containers as the CRI makes them, and its streaming calls, called as their gRPC server would. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { HandlerContext } from "@connectrpc/connect";
import { containerOrigin, sandboxOrigin } from "../../src/api/cri/known.ts";
import type { CriContext } from "../../src/api/cri/cri.ts";
import { openStreaming } from "../../src/api/cri/streaming/calls.ts";
import { systemClock } from "../../src/base/clock.ts";
import { createContainer } from "../../src/engine/containers/create.ts";
import type { ContainerExtras } from "../../src/engine/containers/extras.ts";
import { startContainer } from "../../src/engine/containers/start.ts";
import type { PodSandboxRequest } from "../../src/engine/pods/pods.ts";
import type { CreateBody } from "../../src/spec/docker/create.ts";
import {
  AttachRequestSchema,
  CheckpointContainerRequestSchema,
  ContainerConfigSchema,
  ExecRequestSchema,
  ExecSyncRequestSchema,
  PodSandboxConfigSchema,
  PortForwardRequestSchema,
  ReopenContainerLogRequestSchema,
} from "../../src/wire/cri/cri_pb.ts";
import { image, World } from "../pods/_world.ts";

export { needs } from "../pods/_world.ts";

type Streaming = Awaited<ReturnType<typeof openStreaming>>;

export interface Made {
  readonly command: string;
  readonly body?: Partial<CreateBody>;
  readonly extras?: ContainerExtras;
}

export class Stage implements AsyncDisposable {
  readonly world: World;
  readonly #clock: CriContext["clock"];
  #streaming!: Streaming;

  private constructor(world: World, clock: CriContext["clock"]) {
    this.world = world;
    this.#clock = clock;
  }

  static async open(clock: CriContext["clock"] = systemClock()): Promise<Stage> {
    const world = await World.open();
    try {
      const stage = new Stage(world, clock);
      await stage.#open();
      return stage;
    } catch (error) {
      await world[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #open(): Promise<void> {
    const { engine } = this.world;
    this.#streaming = await openStreaming({
      engine,
      settings: engine.settings.cri,
      clock: this.#clock,
      log: () => undefined,
      signal: new AbortController().signal,
    });
  }

  /** Engine and streaming go, containers run on; then others come. */
  async again(): Promise<void> {
    await this.#streaming[Symbol.asyncDispose]();
    await this.world.again();
    await this.#open();
  }

  /** A sandbox; its id. */
  async pod(more: Partial<PodSandboxRequest> = {}): Promise<string> {
    const { id } = await this.world.pod({ ...more, origin: sandboxOrigin(create(PodSandboxConfigSchema)) });
    return id;
  }

  async container(pod: string, { command, body = {}, extras = {} }: Made): Promise<string> {
    const of = `pod:${pod}`;
    const { id } = await createContainer(this.world.engine, {
      body: {
        Image: image,
        Entrypoint: ["sh", "-c"],
        Cmd: [command],
        HostConfig: { NetworkMode: of, IpcMode: of, UTSMode: of },
        ...body,
      },
      extras: { origin: containerOrigin(create(ContainerConfigSchema)), ...extras },
    });
    return id;
  }

  async start(pod: string, made: Made): Promise<string> {
    const id = await this.container(pod, made);
    await startContainer(this.world.engine, id);
    return id;
  }

  async exec(message: MessageInitShape<typeof ExecRequestSchema>): Promise<string> {
    return urlOf(await this.#streaming.calls.exec(create(ExecRequestSchema, message), handler()));
  }

  async attach(message: MessageInitShape<typeof AttachRequestSchema>): Promise<string> {
    return urlOf(await this.#streaming.calls.attach(create(AttachRequestSchema, message), handler()));
  }

  async portForward(message: MessageInitShape<typeof PortForwardRequestSchema>): Promise<string> {
    return urlOf(
      await this.#streaming.calls.portForward(create(PortForwardRequestSchema, message), handler()),
    );
  }

  async execSync(
    containerId: string,
    script: string,
    { timeout = 0n, signal }: { timeout?: bigint; signal?: AbortSignal } = {},
  ) {
    const message = create(ExecSyncRequestSchema, { containerId, cmd: ["sh", "-c", script], timeout });
    const { stdout, stderr, exitCode } = await this.#streaming.calls.execSync(message, handler(signal));
    return { stdout: textOf(stdout), stderr: textOf(stderr), exitCode };
  }

  async reopen(containerId: string): Promise<void> {
    await this.#streaming.calls.reopenContainerLog(
      create(ReopenContainerLogRequestSchema, { containerId }),
      handler(),
    );
  }

  async checkpoint(containerId: string): Promise<void> {
    await this.#streaming.calls.checkpointContainer(
      create(CheckpointContainerRequestSchema, { containerId }),
      handler(),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#streaming[Symbol.asyncDispose]();
    await this.world[Symbol.asyncDispose]();
  }
}

function handler(signal = new AbortController().signal): HandlerContext {
  return { signal } as HandlerContext;
}

function urlOf({ url = "" }: { readonly url?: string | undefined }): string {
  return url;
}

function textOf(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? new Uint8Array()).toString();
}
