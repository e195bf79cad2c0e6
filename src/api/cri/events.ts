/**
 * GetContainerEvents: what becomes of containers and sandboxes, with their statuses at that moment. Of containers the engine tells, whoever has changed them; of sandboxes the calls that change them.
 * One listener to the engine for all clients, so that a status is made once and all see the same order.
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { SampanError } from "../../base/errors.ts";
import type { EngineEvent } from "../../engine/events/events.ts";
import { type ContainerEventResponseSchema, ContainerEventType } from "../../wire/cri/cri_pb.ts";
import { containerStatus } from "./containers/status.ts";
import type { CriContext, RuntimeCalls } from "./cri.ts";
import { containers, containersIn, sandboxOf } from "./known.ts";
import { sandboxStatus } from "./sandboxes/status.ts";

type Told = MessageInitShape<typeof ContainerEventResponseSchema>;
type What = "created" | "started" | "stopped" | "deleted";
export type SandboxTold = (id: string, what: What) => void;

/** Behind it a client is told that it has missed some: it lists everything then. */
const mostBehind = 1000;
const mostClients = 64;

const types = {
  created: ContainerEventType.CONTAINER_CREATED_EVENT,
  started: ContainerEventType.CONTAINER_STARTED_EVENT,
  stopped: ContainerEventType.CONTAINER_STOPPED_EVENT,
  deleted: ContainerEventType.CONTAINER_DELETED_EVENT,
} as const;

/** The engine's words. */
const actions: Readonly<Record<string, What>> = {
  create: "created",
  start: "started",
  die: "stopped",
  destroy: "deleted",
};

interface Client {
  readonly queue: Told[];
  late: boolean;
  wake: () => void;
}

export class CriEvents {
  readonly #context: CriContext;
  readonly #clients = new Set<Client>();
  /** The sandbox of each container: one that is gone tells it no more. */
  readonly #pods = new Map<string, string>();

  constructor(context: CriContext) {
    this.#context = context;
    for (const { info, pod } of containers(context)) this.#pods.set(info.id, pod);
    void this.#listen(context.engine.events.follow({ signal: context.signal }));
  }

  readonly calls: Pick<RuntimeCalls, "getContainerEvents"> = {
    getContainerEvents: (_request, { signal }) =>
      this.#follow(AbortSignal.any([signal, this.#context.signal])),
  };

  get listeners(): number {
    return this.#clients.size;
  }

  readonly sandbox: SandboxTold = (id, what) => this.#tell({ id, pod: id, what });

  async #listen(events: AsyncIterable<EngineEvent>): Promise<void> {
    for await (const event of events) {
      try {
        this.#hear(event);
      } catch (error) {
        this.#context.log(`cri: an event was not told: ${SampanError.from(error).message}`);
      }
    }
  }

  #hear({ type, action, id }: EngineEvent): void {
    const what = Object.hasOwn(actions, action) ? actions[action] : undefined;
    if (type !== "container" || what === undefined) return;
    if (what === "created") this.#learn(id);
    const pod = this.#pods.get(id);
    if (pod === undefined) return;
    if (what === "deleted") this.#pods.delete(id);
    this.#tell({ id, pod, what });
  }

  /** One of the CRI's. */
  #learn(id: string): void {
    try {
      const { pod, extras } = this.#context.engine.containers.get(id);
      if (pod !== undefined && extras.origin !== undefined) this.#pods.set(id, pod);
    } catch (error) {
      if (SampanError.from(error).code !== "not_found") throw error;
    }
  }

  #tell({ id, pod, what }: { readonly id: string; readonly pod: string; readonly what: What }): void {
    if (this.#clients.size === 0) return;
    const event: Told = {
      containerId: id,
      containerEventType: types[what],
      createdAt: BigInt(this.#context.clock.now()) * 1_000_000n,
      ...this.#statuses(pod),
    };
    for (const client of this.#clients) {
      if (client.queue.length < mostBehind) client.queue.push(event);
      else client.late = true;
      client.wake();
    }
  }

  #statuses(pod: string): Pick<Told, "podSandboxStatus" | "containersStatuses"> {
    try {
      const known = sandboxOf(this.#context, pod);
      return {
        podSandboxStatus: sandboxStatus(known),
        containersStatuses: containersIn(this.#context, pod).map((each) =>
          containerStatus(this.#context, each),
        ),
      };
    } catch (error) {
      if (SampanError.from(error).code !== "not_found") throw error;
      return {};
    }
  }

  async *#follow(signal: AbortSignal): AsyncGenerator<Told> {
    if (this.#clients.size >= mostClients)
      throw new SampanError("resource_exhausted", `cannot follow events: ${mostClients} do already`);
    const client: Client = { queue: [], late: false, wake: () => undefined };
    const leave = () => client.wake();
    this.#clients.add(client);
    signal.addEventListener("abort", leave, { once: true });
    try {
      while (!signal.aborted) {
        const event = client.queue.shift();
        if (event) yield event;
        else if (client.late)
          throw new SampanError(
            "resource_exhausted",
            `cannot follow events: over ${mostBehind} were not taken`,
          );
        else await this.#next(client);
      }
    } finally {
      signal.removeEventListener("abort", leave);
      this.#clients.delete(client);
    }
  }

  async #next(client: Client): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    client.wake = resolve;
    await promise;
  }
}
