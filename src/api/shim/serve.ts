/** The shim as a server: one process for a pod, or for all other containers of a namespace. */
import { mkdirSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { dirname } from "node:path";
import { SampanError } from "../../base/errors.ts";
import { openMonitors } from "../../runtime/monitor/open.ts";
import { serveTtrpc } from "../../wire/ttrpc/server.ts";
import { listenUnix } from "../../wire/unix-socket.ts";
import { bundlesOf, readTask } from "./bundle.ts";
import { openPublisher } from "./events.ts";
import { openLog } from "./log.ts";
import { scheme } from "./socket.ts";
import { Task, type TaskHost } from "./task.ts";
import { taskServices } from "./task-service.ts";

export interface ServeRequest {
  readonly namespace: string;
  /** Where the bundles of the namespace lie, this one's among them. */
  readonly bundle: string;
  readonly socket: string;
  /** Of containerd's ttrpc server. */
  readonly events: string;
  /** Called when it listens. */
  readonly ready: () => void;
}

/** How long a shim that is needed no longer waits for somebody who has just been told its address, in milliseconds. */
const lingerMs = 3000;

/** Resolves when containerd needs it no longer. */
export async function serve(request: ServeRequest): Promise<void> {
  const { namespace, bundle, socket, events, ready } = request;
  process.chdir("/");
  const log = openLog(namespace);
  const publisher = openPublisher({ address: events, namespace, warn: (text) => log(bundle, text) });
  const host = { monitors: openMonitors(), publisher, warn: log };
  const tasks = load(host, { folder: dirname(bundle), address: `${scheme}${socket}` });
  const done = Promise.withResolvers<void>();
  let linger: ReturnType<typeof setTimeout> | undefined;
  const connections = new Set<Socket>();
  const leave = (): void => {
    clearTimeout(linger);
    linger = setTimeout(() => {
      if (tasks.size === 0) done.resolve();
    }, lingerMs);
  };
  const services = taskServices({ ...host, tasks, shutdown: leave });
  mkdirSync(dirname(socket), { recursive: true, mode: 0o700 });
  const server = createServer((connection) => {
    clearTimeout(linger);
    connections.add(connection);
    void serveTtrpc(connection, { services }).then(() => {
      connections.delete(connection);
      if (tasks.size === 0) leave();
    });
  });
  using _place = await listenUnix(server, socket, { mode: 0o600 });
  ready();
  await done.promise;
  server.close();
  await publisher.flush(5000);
}

interface Where {
  readonly folder: string;
  readonly address: string;
}

/** The tasks of an earlier shim at this address. One that cannot be read is nobody's: `delete` takes it away. */
function load(host: TaskHost, { folder, address }: Where): Map<string, Task> {
  const tasks = new Map<string, Task>();
  for (const bundle of bundlesOf(folder, address)) {
    try {
      const record = readTask(bundle);
      if (record && record.pid > 0) tasks.set(record.id, Task.load(host, bundle, record));
    } catch (error) {
      host.warn(bundle, SampanError.from(error).message);
    }
  }
  return tasks;
}
