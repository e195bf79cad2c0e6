/**
 * Calls that wait for their answer, as files: `<socket>.calls/<connection>-<stream>` with the request in it. A shim that was killed, or that rests, has left those that the next one goes on with;
 * mostly somebody waits for a task's end.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Journal } from "../../wire/ttrpc/server.ts";

/** Nothing is done by making these once more. */
const repeatable = new Set([
  "State",
  "Pids",
  "Wait",
  "Stats",
  "Connect",
  "CloseIO",
  "ResizePty",
  "Platform",
  "WaitSandbox",
  "SandboxStatus",
  "PingSandbox",
  "SandboxMetrics",
]);

export interface Calls {
  /** Of one connection. */
  journal(connection: number): Journal;
  /** The connection has ended: nobody waits there any more. */
  forget(connection: number): void;
  /** Nobody waits for anything. */
  remove(): void;
}

const names = /^(\d{1,9})-(\d{1,10})$/;

export function openCalls(socket: string): Calls {
  const folder = `${socket}.calls`;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const left = new Map<number, [number, Uint8Array][]>();
  for (const name of readdirSync(folder)) {
    const [, connection, stream] = names.exec(name) ?? [];
    if (connection === undefined) continue;
    const list = left.get(Number(connection)) ?? [];
    list.push([Number(stream), readFileSync(join(folder, name))]);
    left.set(Number(connection), list);
  }
  const place = (connection: number, stream: number) => join(folder, `${connection}-${stream}`);
  const open = new Map<number, Set<number>>(
    [...left].map(([connection, list]) => [connection, new Set(list.map(([stream]) => stream))]),
  );
  return {
    journal(connection) {
      const streams = open.get(connection) ?? new Set();
      open.set(connection, streams);
      return {
        left: left.get(connection) ?? [],
        again: (method) => repeatable.has(method),
        begin(stream, request) {
          streams.add(stream);
          writeFileSync(place(connection, stream), request, { mode: 0o600 });
        },
        end(stream) {
          if (streams.delete(stream)) rmSync(place(connection, stream), { force: true });
        },
      };
    },
    forget(connection) {
      for (const stream of open.get(connection) ?? []) rmSync(place(connection, stream), { force: true });
      open.delete(connection);
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
