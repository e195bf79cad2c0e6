/** The shim as a server: one process for a pod, or for all other containers of a namespace. It rests while nobody asks anything, and may be killed: its keeper starts it again. */
import { dirname } from "node:path";
import type { Duplex } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import { SampanError } from "../../base/errors.ts";
import { type Kept, openKept } from "../../runtime/keeper/kept.ts";
import { openMonitors } from "../../runtime/monitor/open.ts";
import { serveTtrpc, type Services, type Serving } from "../../wire/ttrpc/server.ts";
import { bundlesOf, readSandbox, readTask } from "./bundle.ts";
import { openCalls } from "./calls.ts";
import { openPublisher } from "./events.ts";
import { openLog } from "./log.ts";
import { Sandbox, sandboxServices } from "./sandbox-service.ts";
import { scheme } from "./socket.ts";
import { clearTask, Task, type TaskHost } from "./task.ts";
import { taskServices } from "./task-service.ts";

export interface ServeRequest {
  readonly namespace: string;
  /** Where the bundles of the namespace lie, this one's among them. */
  readonly bundle: string;
  readonly socket: string;
  /** Of containerd's ttrpc server. */
  readonly events: string;
  /** What the keeper gave. */
  readonly places: string;
  /** Milliseconds without a call or an event after which it rests. */
  readonly rest: number;
}

/** How long a shim that is needed no longer waits for somebody who has just been told its address, in milliseconds. */
const lingerMs = 3000;
/** Between two looks whether it may go, when it might but for what is not yet sent, or for who is about to begin a container. */
const lookMs = 200;

/** Resolves when containerd needs it no longer. */
export async function serve(request: ServeRequest): Promise<void> {
  const { namespace, bundle, socket, events, places, rest } = request;
  process.chdir("/");
  const log = openLog(namespace);
  const publisher = openPublisher({ address: events, namespace, warn: (text) => log(bundle, text) });
  const activity = openActivity();
  const host = { monitors: openMonitors(), publisher, warn: log, address: `${scheme}${socket}` };
  const { tasks, sandboxes } = await load(host, dirname(bundle));
  const calls = openCalls(socket);
  let wanted = true;
  const shutdown = (): void => void (wanted = false);
  const services = activity.counted({
    ...taskServices({ ...host, tasks, shutdown }),
    ...sandboxServices({ sandboxes, shutdown }),
  });
  const inUse = (): boolean => tasks.size > 0 || sandboxes.size > 0;
  const connections = new Map<number, Serving>();
  const connection = (number: number, duplex: Duplex): void => {
    const serving = serveTtrpc(duplex, { services, journal: calls.journal(number) });
    connections.set(number, serving);
    activity.note();
    void serving.ended.then(() => {
      connections.delete(number);
      calls.forget(number);
      activity.note();
    });
  };
  const kept = await openKept({ places, connection });
  for (; ; await pause(lookMs)) {
    await activity.quietFor(() => (inUse() ? rest : lingerMs));
    if (!publisher.idle() || [...connections.values()].some((each) => !each.quiet())) continue;
    if (inUse()) restUntilNeeded(kept, tasks);
    if ((!wanted || connections.size === 0) && kept.leave(socket)) break;
  }
  calls.remove();
}

function restUntilNeeded(kept: Kept, tasks: ReadonlyMap<string, Task>): never {
  return kept.rest([...tasks.values()].flatMap((task) => task.living()));
}

/** When something was done last, and whether something is being done. Who waits for an end does nothing. */
function openActivity() {
  let busy = 0;
  let last = performance.now();
  const note = (): void => void (last = performance.now());
  return {
    note,
    counted(services: Services): Services {
      return mapped(services, (name, method) =>
        name.startsWith("Wait")
          ? method
          : async (payload, signal) => {
              busy++;
              try {
                return await method(payload, signal);
              } finally {
                busy--;
                note();
              }
            },
      );
    },
    /** Resolves when nothing was done for so long, in milliseconds. */
    async quietFor(ms: () => number): Promise<void> {
      const left = (): number => last + ms() - performance.now();
      for (let wait = ms(); busy > 0 || wait > 0; wait = left())
        await new Promise((resolve) => setTimeout(resolve, Math.min(Math.max(50, wait), lingerMs)));
    },
  };
}

type Method = Services[string][string];

function mapped(services: Services, change: (name: string, method: Method) => Method): Services {
  const inside = (methods: Services[string]): Services[string] =>
    Object.fromEntries(Object.entries(methods).map(([name, method]) => [name, change(name, method)]));
  return Object.fromEntries(Object.entries(services).map(([name, methods]) => [name, inside(methods)]));
}

/** What an earlier shim at this address had; a task that it had only half made is taken away. */
async function load(host: TaskHost, folder: string) {
  const tasks = new Map<string, Task>();
  const sandboxes = new Map<string, Sandbox>();
  for (const bundle of bundlesOf(folder, host.address)) {
    try {
      const sandbox = readSandbox(bundle);
      if (sandbox) sandboxes.set(sandbox.id, new Sandbox(sandbox));
      const record = readTask(bundle);
      if (record && record.pid > 0) tasks.set(record.id, Task.load(host, bundle, record));
      else if (record) await clearTask(host, bundle, record.id);
    } catch (error) {
      host.warn(bundle, SampanError.from(error).message);
    }
  }
  return { tasks, sandboxes };
}
