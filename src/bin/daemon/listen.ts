/** The daemon's addresses: unix sockets for a group, TCP for those whose certificate is signed, and TCP on a loopback address where that was asked for. */
import { mkdirSync, readFileSync } from "node:fs";
import type { Server } from "node:http";
import type { Socket } from "node:net";
import { dirname } from "node:path";
import { createServer } from "node:tls";
import { SampanError } from "../../base/errors.ts";
import type { DaemonSettings } from "../../engine/settings.ts";
import { fileError } from "../../engine/store/errors.ts";
import { listenUnix, occupantOf } from "../../wire/unix-socket.ts";

/** An address that is listened at. */
export interface Listener {
  /** No new connections from now on; those that rest are closed, and `signal` closes the others. */
  close(signal: AbortSignal): Promise<void>;
}

interface Address {
  readonly settings: Pick<DaemonSettings, "tls" | "insecureLoopback"> & {
    /** null: the socket is its maker's alone. */
    readonly group: string | undefined | null;
  };
  readonly warn: (text: string) => void;
}

/** Listens at one host with a server of its own. Errors: `failed_precondition` where another listens, `invalid_argument` for TCP without TLS. */
export function listen(server: Server, host: string, address: Address): Promise<Listener> {
  return host.startsWith("unix://")
    ? listenAtPath(server, host.slice("unix://".length), address)
    : listenTcp(server, host, address);
}

async function listenAtPath(server: Server, path: string, { settings, warn }: Address): Promise<Listener> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o711 });
  await refuseTaken(path);
  const group = groupOf(settings.group, warn);
  let socket: Disposable;
  try {
    socket = await listenUnix(server, path, { mode: group === undefined ? 0o600 : 0o660, group });
  } catch (error) {
    throw fileError(`listen at "${path}"`, error);
  }
  return {
    close: async (signal) => {
      socket[Symbol.dispose]();
      await closed(server, signal);
    },
  };
}

/** A socket that nobody listens at is of a daemon that was killed: the new one takes its place. */
async function refuseTaken(path: string): Promise<void> {
  const why = {
    file: "a file that is no socket is there",
    listener: "another process listens there",
  } as const;
  const found = await occupantOf(path);
  if (found === "file" || found === "listener")
    throw new SampanError("failed_precondition", `cannot listen at "${path}": ${why[found]}`);
}

/** The group's number; undefined: root alone. */
function groupOf(wanted: string | undefined | null, warn: (text: string) => void): number | undefined {
  if (process.geteuid?.() !== 0 || wanted === null) return undefined;
  if (wanted !== undefined && /^\d+$/.test(wanted)) return Number(wanted);
  const groups = readFileSync("/etc/group", "utf8").split("\n");
  const number = (name: string) => {
    const line = groups.find((text) => text.startsWith(`${name}:`));
    return line === undefined ? undefined : Number(line.split(":")[2]);
  };
  if (wanted === undefined) return number("sampan") ?? number("docker");
  const found = number(wanted);
  if (found === undefined) warn(`there is no group "${wanted}": the socket is root's alone`);
  return found;
}

async function listenTcp(server: Server, host: string, { settings, warn }: Address): Promise<Listener> {
  const { hostname, port } = new URL(host);
  const name = hostname.replace(/^\[|\]$/g, "");
  const { tls } = settings;
  if (tls) return listenTls(server, { name, port: Number(port), host, tls });
  if (!settings.insecureLoopback || !isLoopback(name))
    throw new SampanError(
      "invalid_argument",
      `cannot listen at "${host}": whoever reaches it is as good as root; wanted --tlsverify with --tlscacert, --tlscert and --tlskey${isLoopback(name) ? ", or --insecure-loopback" : ""}`,
    );
  warn(`${host} is open to every user and program of this machine`);
  await listening(server, () => server.listen(Number(port), name)).catch((error: unknown) => {
    throw taken(host, error);
  });
  return { close: (signal) => closed(server, signal) };
}

/** Not a name: that is somebody else's to say where it leads. */
function isLoopback(name: string): boolean {
  return name === "::1" || /^127(?:\.\d{1,3}){3}$/.test(name);
}

interface TlsAddress {
  readonly name: string;
  readonly port: number;
  readonly host: string;
  readonly tls: NonNullable<DaemonSettings["tls"]>;
}

/** A connection is handed to the HTTP server when its certificate was found good. */
async function listenTls(server: Server, { name, port, host, tls }: TlsAddress): Promise<Listener> {
  const read = (path: string) => {
    try {
      return readFileSync(path);
    } catch (error) {
      throw fileError(`read "${path}"`, error);
    }
  };
  const open = new Set<Socket>();
  const outer = createServer(
    {
      ca: read(tls.ca),
      cert: read(tls.certificate),
      key: read(tls.key),
      requestCert: true,
      rejectUnauthorized: true,
      minVersion: "TLSv1.2",
      handshakeTimeout: 10_000,
      // A client that has sent all of its standard input still wants to hear the answer.
      allowHalfOpen: true,
    },
    (socket) => {
      if (!socket.authorized) return void socket.destroy();
      open.add(socket);
      socket.once("close", () => open.delete(socket));
      server.emit("connection", socket);
    },
  );
  outer.on("tlsClientError", (_error, socket) => socket.destroy());
  await listening(outer, () => outer.listen(port, name)).catch((error: unknown) => {
    throw taken(host, error);
  });
  return {
    close: async (signal) => {
      outer.close();
      await closed(server, signal);
      for (const socket of open) socket.destroy();
    },
  };
}

function taken(host: string, error: unknown): SampanError {
  const why = (error as { code?: unknown }).code === "EADDRINUSE" ? "another process listens there" : "";
  return new SampanError(
    why ? "failed_precondition" : "unavailable",
    `cannot listen at "${host}": ${why || SampanError.from(error).message}`,
    { cause: error },
  );
}

interface Listens {
  once(event: "listening" | "error", call: (error: unknown) => void): unknown;
  off(event: "error", call: (error: unknown) => void): unknown;
}

async function listening(server: Listens, start: () => void): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.once("listening", () => resolve());
  start();
  await promise;
  server.off("error", reject);
}

async function closed(server: Server, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.close(() => resolve());
  server.closeIdleConnections();
  const end = () => {
    server.closeAllConnections();
    // What was taken over by an upgrade is no connection of the server any more, and ends with the process.
    resolve();
  };
  if (signal.aborted) end();
  signal.addEventListener("abort", end, { once: true });
  await promise;
}
