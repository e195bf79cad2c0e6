/** Begins a server under a keeper: a process of some 50 KiB that holds its sockets, so that the server may be killed, or end while nobody needs it. */
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { SampanError } from "../../base/errors.ts";
import { exists, remove } from "../../kernel/files.ts";
import { closeFd, lockFile, openFile } from "../../kernel/libc.ts";
import { O } from "../../kernel/linux.ts";
import { isListening, listenStream } from "../../kernel/sockets.ts";
import { spawnWith } from "../../kernel/spawn.ts";
import { launcherFile } from "../native/beside.ts";
import { keeperMode } from "./protocol.ts";

export interface Begin {
  /** Absolute, at most 107 bytes. */
  readonly socket: string;
  /** The server's command line, the program's absolute path first. */
  readonly command: readonly string[];
  /** Called between the look and the start, when nobody listens there: what the server is to inherit is set here. */
  readonly before: () => void;
}

const backlog = 512;

/** Undefined where somebody listens there already; else the keeper's process id. Connections are taken from the first moment on. Errors: the kernel's. */
export async function beginKept({ socket, command, before }: Begin): Promise<number | undefined> {
  const launcher = await launcherFile();
  mkdirSync(dirname(socket), { recursive: true, mode: 0o711 });
  using _lock = lockOf(socket, true);
  if (isListening(socket)) return undefined;
  before();
  remove(socket);
  const listener = listenStream(socket, backlog);
  try {
    return spawnWith({
      path: `/proc/self/fd/${launcher}`,
      argv: ["sampan-keeper", keeperMode, String(listener), ...command],
      env: Object.entries(process.env).map(([name, value]) => `${name}=${value}`),
      fds: [listener],
    });
  } catch (error) {
    remove(socket);
    throw error;
  } finally {
    closeFd(listener);
  }
}

/** Takes a socket away whose keeper was killed; gives false where there is none, or somebody listens. */
export function removeDeserted(socket: string): boolean {
  if (!exists(socket)) return false;
  using _lock = lockOf(socket, true);
  if (isListening(socket)) return false;
  remove(socket);
  return true;
}

/** One for all sockets of a folder: who begins and who leaves look and act in turn. Undefined without `wait` when somebody has it. */
export function lockOf(socket: string, wait: true): Disposable;
export function lockOf(socket: string, wait: boolean): Disposable | undefined;
export function lockOf(socket: string, wait: boolean): Disposable | undefined {
  const path = `${dirname(socket)}/sampan.lock`;
  const fd = openFile(path, O.RDWR | O.CREAT, 0o600);
  if (fd < 0) throw new SampanError("internal", `cannot lock "${path}"`);
  if (lockFile(fd, wait)) return { [Symbol.dispose]: () => closeFd(fd) };
  closeFd(fd);
  return undefined;
}
