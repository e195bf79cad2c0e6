/** Unix sockets in the file system: whether somebody listens at one, and how one comes to be there with its rights from its first moment. */
import { chmodSync, chownSync, closeSync, lstatSync, openSync, renameSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { basename, dirname } from "node:path";

/** What stands at a path: `left` is a socket of a process that was killed, in whose place another may come. */
export type Occupant = "nothing" | "file" | "listener" | "left";

export async function occupantOf(path: string): Promise<Occupant> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (!found) return "nothing";
  if (!found.isSocket()) return "file";
  return (await answers(path)) ? "listener" : "left";
}

/** Whether somebody listens at a unix socket. */
export function answers(path: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  let fd: number;
  try {
    fd = openSync(dirname(path), "r");
  } catch {
    return Promise.resolve(false);
  }
  const socket = connect(`/proc/self/fd/${fd}/${basename(path)}`);
  socket.once("connect", () => resolve(true));
  socket.once("error", () => resolve(false));
  return promise.finally(() => {
    socket.destroy();
    closeSync(fd);
  });
}

interface Listens {
  listen(path: string): unknown;
  once(event: "listening" | "error", call: (error: unknown) => void): unknown;
  off(event: "error", call: (error: unknown) => void): unknown;
}

export interface SocketRights {
  readonly mode: number;
  /** The group's number; that of the process without it. */
  readonly group?: number | undefined;
}

let made = 0;

/**
 * Listens at a path in a folder that is there; what stood there is replaced. Disposing removes the socket, unless another process has put its own in the place: the server is the caller's to close.
 * Errors: those of the system.
 */
export async function listenUnix(
  server: Listens,
  path: string,
  { mode, group }: SocketRights,
): Promise<Disposable> {
  const folder = dirname(path);
  // Through the folder's descriptor, since a socket's path may have 108 bytes; under another name until its rights are right.
  const fd = openSync(folder, "r");
  const temporary = `.${process.pid}-${made++}.sock`;
  try {
    rmSync(`${folder}/${temporary}`, { force: true });
    await listening(server, `/proc/self/fd/${fd}/${temporary}`);
    chmodSync(`${folder}/${temporary}`, mode);
    if (group !== undefined) chownSync(`${folder}/${temporary}`, process.geteuid?.() ?? 0, group);
    renameSync(`${folder}/${temporary}`, path);
  } catch (error) {
    rmSync(`${folder}/${temporary}`, { force: true });
    throw error;
  } finally {
    closeSync(fd);
  }
  const { ino } = lstatSync(path);
  return {
    [Symbol.dispose]() {
      // Only our own: the next process may listen there already.
      if (lstatSync(path, { throwIfNoEntry: false })?.ino === ino) rmSync(path, { force: true });
    },
  };
}

async function listening(server: Listens, path: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.once("listening", () => resolve());
  server.listen(path);
  await promise;
  server.off("error", reject);
}
