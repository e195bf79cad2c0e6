/**
 * sd_notify(3) out of a container, as runc 1.3 does it: the container gets a socket of its own at /run/notify, and of what it says there only
 * that it is ready goes on to the socket in the runtime's NOTIFY_SOCKET, with MAINPID behind it. Loaded only when NOTIFY_SOCKET is set.
 *
 * Who waits: `start` and a detached `run`, until the container is ready or has ended; beside a foreground `run`, which must pass on
 * signals and bytes meanwhile, another process of this program.
 */
import { chmodSync } from "node:fs";
import { SampanError } from "../../base/errors.ts";
import { makeDir } from "../../kernel/files.ts";
import { closeFd, openFile, openPidFd, readInto, setCloseOnExec, spawnProcess } from "../../kernel/libc.ts";
import { O } from "../../kernel/linux.ts";
import { bindDatagram, connectDatagram, pipePair, sendDatagram, waitAny } from "../../kernel/sockets.ts";
import type { OciConfig } from "../../spec/oci/config.ts";
import { relayVariable } from "./run.ts";

const folderInside = "/run/notify";
const socketName = "notify.sock";

/** Below the container's folder. */
const folderOutside = "notify";

/** The configuration with the mount of the socket's folder, and the variable that names the socket. */
export function notifyMount(config: OciConfig, dir: string): { config: OciConfig; environment: string[] } {
  const source = `${dir}/${folderOutside}`;
  const options = ["bind", "nosuid", "noexec", "nodev", "ro"];
  const mount = { destination: folderInside, type: "bind", source, options };
  return {
    config: { ...config, mounts: [...(config.mounts ?? []), mount] },
    environment: [`NOTIFY_SOCKET=${folderInside}/${socketName}`],
  };
}

export function makeNotifyFolder(dir: string): void {
  const path = `${dir}/${folderOutside}`;
  makeDir(path, 0o755);
  // Whatever the caller's umask is, the container's users must get to the socket.
  chmodSync(path, 0o755);
}

/** Binds the container's socket; from then on what is sent there waits to be read. Errors: `not_found` when create had no NOTIFY_SOCKET. */
export function bindNotify(dir: string): number {
  const folder = openFile(`${dir}/${folderOutside}`, O.PATH | O.DIRECTORY);
  if (folder < 0)
    throw new SampanError(
      "not_found",
      "cannot use NOTIFY_SOCKET: the container was created without it, so it has no socket to notify",
    );
  try {
    // Through the descriptor, because a socket's path has at most 107 bytes.
    const path = `/proc/self/fd/${folder}/${socketName}`;
    const fd = bindDatagram(path);
    chmodSync(path, 0o777);
    return fd;
  } finally {
    closeFd(folder);
  }
}

export interface Relay {
  /** What bindNotify gave. */
  readonly socket: number;
  /** NOTIFY_SOCKET of the runtime. */
  readonly host: string;
  /** The container's init. */
  readonly pid: number;
  /** The process that the service manager is to watch. */
  readonly mainPid: number;
}

/** Waits until the container is ready, and says so, or until it has ended. */
export function relayReady({ socket, host, pid, mainPid }: Relay): void {
  const init = openPidFd(pid);
  if (init < 0) return;
  const client = connectDatagram(host);
  try {
    const line = readyLine(socket, init);
    if (line === undefined) return;
    sendDatagram(client, `${line}\n`);
    sendDatagram(client, `MAINPID=${mainPid}\n`);
    barrier(client);
  } finally {
    closeFd(client);
    closeFd(init);
  }
}

function readyLine(socket: number, init: number): string | undefined {
  const bytes = new Uint8Array(4096);
  for (;;) {
    const ready = waitAny([socket, init]);
    if (!ready.includes(socket)) return undefined;
    const size = readInto(socket, bytes);
    if (size < 0) return undefined;
    const lines = new TextDecoder().decode(bytes.subarray(0, size)).split("\n");
    const line = lines.find((each) => each.startsWith("READY="));
    if (line !== undefined) return line;
  }
}

const barrierMs = 30_000;

/** sd_notify_barrier(3): the service manager closes the descriptor when it has read all that came before. */
function barrier(client: number): void {
  const [mine, theirs] = pipePair();
  try {
    sendDatagram(client, "BARRIER=1", theirs);
  } finally {
    closeFd(theirs);
  }
  waitAny([mine], barrierMs);
  closeFd(mine);
}

/** Starts a process that does relayReady and ends: a child of this process, and of the launcher that it becomes. */
export function relayBeside(relay: Relay): void {
  setCloseOnExec(relay.socket, false);
  const script = Bun.main.startsWith("/$bunfs/") ? [] : [Bun.main];
  const argv = ["sampan", ...script, "runtime", "run"];
  const self = script.length > 0 ? process.execPath : "/proc/self/exe";
  spawnProcess(self, argv, [`${relayVariable}=${JSON.stringify(relay)}`]);
  closeFd(relay.socket);
}

/** What relayBeside has asked of this process. */
export function relayAsked(text: string): void {
  relayReady(JSON.parse(text) as Relay);
}
