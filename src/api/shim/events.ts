/** Tells containerd what happens to tasks, in order. While it is away they wait, the oldest going first when there are too many. */
import type { DescMessage, MessageInitShape } from "@bufbuild/protobuf";
import { EmptySchema, timestampNow } from "@bufbuild/protobuf/wkt";
import { setTimeout as pause } from "node:timers/promises";
import { SampanError } from "../../base/errors.ts";
import {
  TaskCheckpointedSchema,
  TaskCreateSchema,
  TaskDeleteSchema,
  TaskExecAddedSchema,
  TaskExecStartedSchema,
  TaskExitSchema,
  TaskOOMSchema,
  TaskPausedSchema,
  TaskResumedSchema,
  TaskStartSchema,
} from "../../wire/containerd/events_pb.ts";
import { ForwardRequestSchema } from "../../wire/containerd/forward_pb.ts";
import { openTtrpcClient, type TtrpcClient } from "../../wire/ttrpc/client.ts";
import { packed } from "./any.ts";
import { pathOf } from "./socket.ts";

export const topics = {
  "/tasks/create": TaskCreateSchema,
  "/tasks/start": TaskStartSchema,
  "/tasks/oom": TaskOOMSchema,
  "/tasks/exit": TaskExitSchema,
  "/tasks/delete": TaskDeleteSchema,
  "/tasks/exec-added": TaskExecAddedSchema,
  "/tasks/exec-started": TaskExecStartedSchema,
  "/tasks/paused": TaskPausedSchema,
  "/tasks/resumed": TaskResumedSchema,
  "/tasks/checkpointed": TaskCheckpointedSchema,
} as const satisfies Readonly<Record<string, DescMessage>>;

export type Topic = keyof typeof topics;

export interface Publisher {
  /** Never throws and never waits. `told` is called when containerd has it. */
  publish<T extends Topic>(topic: T, event: MessageInitShape<(typeof topics)[T]>, told?: () => void): void;
  /** Whether containerd has all of them. */
  idle(): boolean;
}

const most = 2048;
const retryMs = 500;

interface Waiting {
  readonly request: MessageInitShape<typeof ForwardRequestSchema>;
  readonly told: (() => void) | undefined;
}

/** `address`: of containerd's ttrpc server. Without one nobody is told. */
export function openPublisher({
  address,
  namespace,
  warn,
}: {
  readonly address: string;
  readonly namespace: string;
  readonly warn: (text: string) => void;
}): Publisher {
  const queue: Waiting[] = [];
  let client: TtrpcClient | undefined;
  let working: Promise<void> | undefined;
  let lost = 0;

  const forward = async ({ request, told }: Waiting): Promise<void> => {
    client ??= await openTtrpcClient(pathOf(address), 5000);
    await client.call({
      service: "containerd.services.events.ttrpc.v1.Events",
      method: "Forward",
      input: ForwardRequestSchema,
      output: EmptySchema,
      request,
      timeout: 5000,
    });
    told?.();
  };

  const work = async (): Promise<void> => {
    for (let first = queue[0]; first; first = queue[0]) {
      try {
        await forward(first);
        if (queue[0] === first) queue.shift();
      } catch (error) {
        client?.[Symbol.dispose]();
        client = undefined;
        const { code, message } = SampanError.from(error);
        if (code === "invalid_argument" || code === "unimplemented") {
          warn(`cannot tell containerd of an event: ${message}`);
          queue.shift();
        } else await pause(retryMs, undefined, { ref: false });
      }
    }
  };

  return {
    publish(topic, event, told) {
      if (address === "") return;
      const schema: DescMessage = topics[topic];
      const envelope = { timestamp: timestampNow(), namespace, topic, event: packed(schema, event) };
      if (queue.length >= most) {
        queue.shift();
        if (lost++ === 0) warn(`containerd is away: of more than ${most} events the oldest are dropped`);
      }
      queue.push({ request: { envelope }, told });
      working ??= work().finally(() => (working = undefined));
    },
    idle: () => queue.length === 0,
  };
}
