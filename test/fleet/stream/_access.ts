/** Pods of a test: their containers are processes of this machine, their logs lists of lines, their ports those of the loopback interface. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { PassThrough } from "node:stream";
import { SampanError } from "../../../src/base/errors.ts";
import type {
  ContainerRef,
  PodAccess,
  ProcessOptions,
  ProcessStreams,
  Summary,
} from "../../../src/fleet/edge/edged/access.ts";
import { Inbox } from "../../../src/wire/byte-stream.ts";
import { merge } from "../../../src/wire/channels/merge.ts";

export interface FakePods extends PodAccess {
  /** What was asked for, in words. */
  readonly asked: string[];
  /** Sizes of terminals, as they came. */
  readonly sizes: string[];
  /** Adds a line to the logs that are followed. */
  say(line: string): void;
  /** Ends them. */
  hush(): void;
  /** Streams that are open now. */
  readonly open: Set<object>;
  cpu: number;
}

export function fakePods(): FakePods {
  const followers = new Set<Inbox>();
  const pods: FakePods = {
    asked: [],
    sizes: [],
    open: new Set(),
    cpu: 1e9,
    say: (line) => {
      for (const each of followers) each.push(Buffer.from(`${line}\n`));
    },
    hush: () => {
      for (const each of followers) each.end();
    },
    async *logs(of, { signal, ...options }) {
      pods.asked.push(`logs ${name(of)} ${JSON.stringify(options)}`);
      known(of);
      const lines = options.limitBytes ? [] : ["first line", "second line"];
      yield Buffer.from(lines.map((line) => `${line}\n`).join(""));
      if (of.container === "chatty") {
        const piece = Buffer.alloc(64 << 10, "x");
        for (; !signal.aborted; pods.cpu += piece.length) yield piece;
      }
      if (!options.follow) return;
      const inbox = new Inbox(1 << 20);
      followers.add(inbox);
      pods.open.add(inbox);
      signal.addEventListener("abort", () => inbox.end());
      try {
        yield* inbox;
      } finally {
        followers.delete(inbox);
        pods.open.delete(inbox);
      }
    },
    exec: async (of, command, options) => {
      pods.asked.push(`exec ${name(of)} ${command.join(" ")}`);
      known(of);
      return await run(pods, command, options);
    },
    attach: async (of, options) => {
      pods.asked.push(`attach ${name(of)}`);
      known(of);
      return await run(pods, ["cat"], options);
    },
    portForward: async (_of, port, signal) => {
      pods.asked.push(`portForward ${port}`);
      const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
      signal.addEventListener("abort", () => socket.destroy());
      try {
        await once(socket, "connect");
      } catch (error) {
        throw new SampanError("unavailable", `nothing listens at port ${port}`, { cause: error });
      }
      return socket;
    },
    summary: async () => summaryOf(pods.cpu),
  };
  return pods;
}

const name = ({ namespace, pod, container }: ContainerRef) => `${namespace}/${pod}/${container}`;

function known({ pod }: ContainerRef): void {
  if (pod !== "web" && pod !== "loud") throw new SampanError("not_found", `there is no pod "${pod}" here`);
}

function summaryOf(cpu: number): Summary {
  const at = Date.now();
  const usage = { at, cpu, memory: 64 << 20 };
  return {
    node: { name: "edge-1", started: at - 60_000, usage: { at, cpu: cpu * 4, memory: 512 << 20 } },
    pods: ["web", "of-another-node"].map((pod) => ({
      namespace: "default",
      name: pod,
      uid: `uid-of-${pod}`,
      started: at - 60_000,
      containers: [{ name: "main", started: at - 60_000, usage }],
      network: { rxBytes: 1000, txBytes: 2000 },
    })),
  };
}

async function run(
  pods: FakePods,
  [file = "", ...args]: readonly string[],
  { stdin, signal }: ProcessOptions,
): Promise<ProcessStreams> {
  const child = spawn(file, args, { stdio: ["pipe", "pipe", "pipe"], signal });
  child.on("error", () => {});
  child.stdin.on("error", () => {});
  try {
    await once(child, "spawn");
  } catch (error) {
    throw new SampanError("not_found", `cannot execute "${file}"`, { cause: error });
  }
  pods.open.add(child);
  if (!stdin) child.stdin.end();
  const exit = new Promise<number>((resolve) => {
    child.once("close", (code) => {
      pods.open.delete(child);
      resolve(code ?? 137);
    });
  });
  const output = merge([
    // At once: what a process has said when it ends is thrown away unless somebody listens.
    ["stdout", child.stdout.pipe(new PassThrough()) as AsyncIterable<Uint8Array>],
    ["stderr", child.stderr.pipe(new PassThrough()) as AsyncIterable<Uint8Array>],
  ]);
  return {
    write: async (data) => {
      if (!child.stdin.write(data)) await Promise.race([once(child.stdin, "drain"), exit]);
    },
    endInput: () => void child.stdin.end(),
    output,
    resize: async ({ width, height }) => void pods.sizes.push(`${width}x${height}`),
    exit,
    close: () => void child.kill("SIGKILL"),
  };
}
