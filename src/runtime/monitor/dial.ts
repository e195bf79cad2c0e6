/** The way to a monitor's socket. */
import { createConnection, type Socket } from "node:net";
import { SampanError } from "../../base/errors.ts";
import { closeFd, openFile } from "../../kernel/libc.ts";
import { O } from "../../kernel/linux.ts";
import { frameHeader, requests, socketName } from "./protocol.ts";

/**
 * Connects. The socket's path goes through a descriptor of its folder, since an address has room for 107 bytes.
 * Errors: `not_found` when nobody listens there, `cancelled`.
 */
export async function dial(folder: string, signal?: AbortSignal): Promise<Socket> {
  const fd = openFile(folder, O.PATH | O.DIRECTORY);
  if (fd < 0) throw nobody(folder);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const abort = (): void =>
    reject(new SampanError("cancelled", `cannot connect to the monitor at "${folder}": it was cancelled`));
  if (signal?.aborted) abort();
  signal?.addEventListener("abort", abort);
  const socket = createConnection({ path: `/proc/self/fd/${fd}/${socketName}` });
  socket.once("connect", resolve);
  socket.once("error", (error) => reject(nobody(folder, error)));
  try {
    await promise;
    // From here on a broken connection is told by its end.
    socket.on("error", () => undefined);
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    signal?.removeEventListener("abort", abort);
    closeFd(fd);
  }
}

export function nobody(folder: string, cause?: unknown): SampanError {
  return new SampanError("not_found", `cannot connect to the monitor at "${folder}": nobody listens there`, {
    cause,
  });
}

export function tooMany(folder: string): SampanError {
  return new SampanError(
    "resource_exhausted",
    `cannot connect to the monitor at "${folder}": it has as many clients as it can have`,
  );
}

export function frame(
  kind: keyof typeof requests,
  argument = 0,
  body: Uint8Array = new Uint8Array(0),
): Uint8Array {
  const bytes = new Uint8Array(frameHeader + body.length);
  bytes[0] = requests[kind];
  bytes[1] = argument;
  new DataView(bytes.buffer).setUint32(4, body.length);
  bytes.set(body, frameHeader);
  return bytes;
}
