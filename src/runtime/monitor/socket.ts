/** A monitor's socket before there is a monitor: made here and handed over, so that whoever is told of a process can connect to it. */
import { SampanError } from "../../base/errors.ts";
import { exists, remove } from "../../kernel/files.ts";
import { closeFd, openFile } from "../../kernel/libc.ts";
import { O } from "../../kernel/linux.ts";
import { isListening, listenStream } from "../../kernel/sockets.ts";
import { consoleName, exitName, socketName } from "./protocol.ts";

const backlog = 64;

export interface MonitorSocket extends Disposable {
  readonly fd: number;
  /** The descriptor of its folder: a short way to what is in it, for as long as this is not disposed. */
  readonly folderFd: number;
  /** One on which a terminal is awaited. */
  console(): number;
  /** The monitor has it: it stays. */
  keep(): void;
}

/** What an earlier monitor left in the folder goes. Errors: `not_found` for a folder that is not there, `already_exists` where one listens. */
export function monitorSocket(folder: string): MonitorSocket {
  const folderFd = openFile(folder, O.PATH | O.DIRECTORY);
  if (folderFd < 0)
    throw new SampanError("not_found", `cannot make a monitor in "${folder}": there is no such folder`);
  const at = (name: string): string => `/proc/self/fd/${folderFd}/${name}`;
  const open = [folderFd];
  let bound = false;
  let kept = false;
  const bind = (name: string): number => {
    remove(at(name));
    const fd = listenStream(at(name), backlog);
    open.push(fd);
    return fd;
  };
  const dispose = (): void => {
    if (bound) remove(at(consoleName));
    if (bound && !kept) remove(at(socketName));
    for (const fd of open.toReversed()) closeFd(fd);
  };
  try {
    if (exists(at(socketName)) && isListening(at(socketName)))
      throw new SampanError("already_exists", `cannot make a monitor in "${folder}": there is one`);
    remove(at(exitName));
    const fd = bind(socketName);
    bound = true;
    return {
      fd,
      folderFd,
      console: () => bind(consoleName),
      keep: () => void (kept = true),
      [Symbol.dispose]: dispose,
    };
  } catch (error) {
    dispose();
    throw error;
  }
}
