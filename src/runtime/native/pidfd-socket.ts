/** --pidfd-socket: the descriptor of the new process, sent over a unix socket by the launcher. */
import { closeFd, openPidFd, setCloseOnExec } from "../../kernel/libc.ts";
import { launch } from "./launch.ts";
import { op, slot } from "./plan/operations.ts";

/** Connects to the socket and sends a pidfd of `pid` with the data "pidfd". */
export async function sendPidFd(path: string, pid: number): Promise<void> {
  const pidfd = openPidFd(pid);
  setCloseOnExec(pidfd, false);
  const why = "--pidfd-socket";
  const parent = [
    op("adopt", { fd: pidfd, out: slot.child }, why),
    op("connect", { path, out: slot.listener }, why),
    op("send_fd", { socket: slot.listener, slot: slot.child, data: "pidfd" }, why),
  ];
  try {
    await launch({ parent, middle: [], init: [] });
  } finally {
    closeFd(pidfd);
  }
}
