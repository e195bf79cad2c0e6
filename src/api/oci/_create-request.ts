/** The flags that create and run share, as a request. LISTEN_FDS and NOTIFY_SOCKET of the environment are passed on as runc does. */
import { invalid } from "../../base/errors.ts";
import { absolute } from "../../runtime/native/caller.ts";
import type { CreateRequest } from "../../runtime/native/create.ts";
import { bundleDir, onlyId } from "./_words.ts";
import type { Flags } from "./flags.ts";

export const createFlags = {
  bundle: {
    kind: "text",
    short: "b",
    value: "DIR",
    help: "folder of the bundle (default: the working directory)",
  },
  "console-socket": { kind: "text", value: "PATH", help: "unix socket that gets the terminal's master" },
  "pidfd-socket": {
    kind: "text",
    value: "PATH",
    help: "unix socket that gets a pidfd of the container's init",
  },
  "pid-file": { kind: "text", value: "FILE", help: "write the init's process id to FILE" },
  "no-pivot": { kind: "yes", help: "move the root instead of pivoting (for a root on a ramdisk)" },
  "no-new-keyring": { kind: "yes", help: "keep the caller's session keyring" },
  "preserve-fds": { kind: "number", value: "N", help: "pass N further descriptors (3 and up)" },
} as const;

/** systemd.service(5), LISTEN_FDS: so many descriptors from 3 on belong to the container. */
export function listenFds(): { count: number; environment: string[] } {
  const text = process.env["LISTEN_FDS"];
  if (text === undefined || text === "") return { count: 0, environment: [] };
  const count = Number(text);
  if (!Number.isInteger(count) || count < 0)
    throw invalid(`cannot use LISTEN_FDS "${text}": not a number of descriptors`);
  const names = process.env["LISTEN_FDNAMES"];
  const environment = [
    `LISTEN_FDS=${count}`,
    "LISTEN_PID=1",
    ...(names === undefined ? [] : [`LISTEN_FDNAMES=${names}`]),
  ];
  return { count, environment };
}

export async function createRequest(
  command: string,
  flags: Flags<typeof createFlags>,
  words: readonly string[],
): Promise<CreateRequest> {
  const id = onlyId(command, words);
  const listen = listenFds();
  const preserve = flags["preserve-fds"] ?? 0;
  if (preserve < 0) throw invalid(`cannot use --preserve-fds ${preserve}: wanted 0 or more`);
  const socket = flags["console-socket"];
  return {
    id,
    bundle: bundleDir(flags.bundle),
    preserveFds: preserve + listen.count,
    environment: listen.environment,
    ...(process.env["NOTIFY_SOCKET"] && { notifySocket: process.env["NOTIFY_SOCKET"] }),
    ...(socket && { console: { path: absolute(socket) } }),
    ...(flags["pid-file"] && { pidFile: absolute(flags["pid-file"]) }),
    ...(flags["pidfd-socket"] && { pidfdSocket: absolute(flags["pidfd-socket"]) }),
    noPivot: flags["no-pivot"],
    noNewKeyring: flags["no-new-keyring"],
  };
}
