/** Whose a connection over loopback is: kubectl sends no token over plain HTTP, so root of this machine is known by what the kernel says of its socket. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { BlockList, isIPv4, type Socket } from "node:net";

/** Both ends as this process sees them. */
export type Ends = Pick<Socket, "remoteAddress" | "remotePort" | "localAddress" | "localPort">;

/**
 * Whether the other end of a connection is a process of root in this machine's own namespaces. A pod on the host's network has another mount namespace, though it may be root too. This process itself is
 * nobody: it connects for others, who name a port of this machine in a probe, in a rule of the ServiceBus, or by kubectl port-forward.
 */
export function isHostRoot(socket: Ends): boolean {
  try {
    const inode = rootInode(tables(), socket);
    if (inode === undefined) return false;
    // A service manager may have given this process a mount namespace of its own.
    const own = ["/proc/self/ns/mnt", "/proc/1/ns/mnt"].map((path) => target(path));
    const user = readlinkSync("/proc/self/ns/user");
    const holders = processesWith(`socket:[${inode}]`);
    return (
      holders.length > 0 &&
      holders.every(
        (pid) =>
          pid !== process.pid &&
          own.includes(readlinkSync(`/proc/${pid}/ns/mnt`)) &&
          readlinkSync(`/proc/${pid}/ns/user`) === user,
      )
    );
  } catch {
    // It has gone meanwhile, or this is no Linux that tells.
    return false;
  }
}

function* tables(): Iterable<string> {
  for (const file of ["tcp", "tcp6"]) yield readFileSync(`/proc/self/net/${file}`, "latin1");
}

const loopback = new BlockList();
loopback.addSubnet("127.0.0.0", 8, "ipv4");
loopback.addAddress("::1", "ipv6");

/**
 * The inode of the other end of a loopback connection, when user 0 has made it, by the kernel's tables (proc(5), /proc/net/tcp). Both addresses have to be those of the connection, not the ports alone:
 * anybody may bind the port of somebody else's connection at another address of 127.0.0.0/8.
 */
export function rootInode(lists: Iterable<string>, ends: Ends): string | undefined {
  const { remoteAddress = "", remotePort = 0, localAddress = "", localPort = 0 } = ends;
  const plain = (address: string) => address.replace(/^::ffff:/i, "");
  const [from, to] = [plain(remoteAddress), plain(localAddress)];
  if (!loopback.check(from, isIPv4(from) ? "ipv4" : "ipv6")) return undefined;
  const [theirs, ours] = [writtenAs(from, remotePort), writtenAs(to, localPort)];
  for (const list of lists)
    for (const line of list.split("\n").slice(1)) {
      const [, local = "", remote = "", state, , , , user, , inode] = line.trim().split(/\s+/);
      if (state !== established || !theirs.includes(local) || !ours.includes(remote)) continue;
      return user === "0" ? inode : undefined;
    }
  return undefined;
}

const established = "01";

/** As the tables have it: words of four bytes, each turned round, in both families; the port is not. 127.0.0.1:80 is 0100007F:0050. */
function writtenAs(address: string, port: number): readonly string[] {
  const end = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  if (!isIPv4(address)) return [`${"0".repeat(24)}01000000${end}`];
  const word = Buffer.from(address.split(".").map(Number).toReversed()).toString("hex").toUpperCase();
  return [`${word}${end}`, `${"0".repeat(16)}FFFF0000${word}${end}`];
}

function processesWith(link: string): number[] {
  return readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const fds = readdirSync(`/proc/${name}/fd`);
      return fds.some((fd) => target(`/proc/${name}/fd/${fd}`) === link) ? [Number(name)] : [];
    } catch {
      return [];
    }
  });
}

function target(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
