/** Published ports: which addresses and ports of the host, none of them twice. */
import dgram from "node:dgram";
import { readFileSync } from "node:fs";
import net from "node:net";
import { invalid, SampanError } from "../../base/errors.ts";
import type { PortBinding } from "../../spec/docker/create.ts";
import { tryAddress, formatAddress } from "./_addresses.ts";
import type { PublishedPorts } from "./networks.ts";
import { brief, type PortRow, type PortsMade, type Rows } from "./_rows.ts";

/** Where published ports lead: an address of the container for each family that it has. */
export interface Target {
  readonly container: string;
  readonly ipv4: string | undefined;
  readonly ipv6: string | undefined;
  /** The address of the host that is meant where none is given. */
  readonly hostAddress: string | undefined;
}

export interface Wish {
  /** `80/tcp`. */
  readonly key: string;
  readonly protocol: string;
  readonly port: number;
  readonly hostAddress: string | undefined;
  /** 0, 0: any free one. */
  readonly from: number;
  readonly to: number;
}

/** Everything that is asked for, each binding once. Errors: `invalid_argument`. Pure. */
export function wishesOf({ bindings, all }: PublishedPorts): Wish[] {
  const keys = [...new Set([...Object.keys(bindings), ...all])];
  return keys.flatMap((key) => {
    const asked = bindings[key] ?? [];
    const [, port = "", protocol = "tcp"] = /^(\d{1,5})(?:\/(tcp|udp|sctp))?$/.exec(key) ?? [];
    if (port === "" || Number(port) < 1 || Number(port) > 65_535)
      throw invalid(
        `cannot publish port "${key}": wanted a number up to 65535 and tcp, udp or sctp, as 80/tcp`,
      );
    const wanted: readonly PortBinding[] = asked.length > 0 || !all.includes(key) ? asked : [{}];
    return wanted.map((binding) => ({ key, protocol, port: Number(port), ...hostSide(key, binding) }));
  });
}

function hostSide(
  key: string,
  { HostIp = "", HostPort = "" }: PortBinding,
): Pick<Wish, "hostAddress" | "from" | "to"> {
  const address = HostIp === "" ? undefined : tryAddress(HostIp.replace(/^\[(.*)\]$/, "$1"));
  if (HostIp !== "" && !address) throw invalid(`cannot publish port "${key}": "${HostIp}" is no IP address`);
  const [whole, first = "0", last = first] = /^(?:(\d{1,5})(?:-(\d{1,5}))?)?$/.exec(HostPort) ?? [];
  const from = Number(first);
  const to = Number(last);
  if (whole === undefined || from > to || to > 65_535)
    throw invalid(
      `cannot publish port "${key}": "${HostPort}" is no port of the host, wanted 8080 or 8000-8010`,
    );
  return { hostAddress: address && formatAddress(address), from, to };
}

/** The addresses of the host that a wish stands for, with where each leads. */
function sides(wish: Wish, target: Target): { address: string; target: string }[] {
  const address = wish.hostAddress ?? target.hostAddress;
  const four = target.ipv4;
  const six = target.ipv6;
  if (address !== undefined) {
    const to = address.includes(":") ? six : four;
    return to === undefined ? [] : [{ address, target: to }];
  }
  return [
    ...(four === undefined ? [] : [{ address: "0.0.0.0", target: four }]),
    ...(six === undefined ? [] : [{ address: "::", target: six }]),
  ];
}

export interface Published {
  readonly rows: readonly PortRow[];
  readonly made: PortsMade;
}

const taken = (address: string, port: number) =>
  new SampanError(
    "already_exists",
    `cannot publish port ${port}: Bind for ${address.includes(":") ? `[${address}]` : address}:${port} failed: port is already allocated`,
  );

/**
 * Takes ports for a container: a row each, which no other container can then have; and nobody listens there at this moment. What a process of the host takes
 * later is not noticed: the rules come first. Errors: `already_exists` in Docker's words; nothing is taken then.
 */
export async function claimPorts(rows: Rows, wishes: readonly Wish[], target: Target): Promise<Published> {
  const got: PortRow[] = [];
  const made: Record<string, { HostIp: string; HostPort: string }[]> = {};
  try {
    for (const wish of wishes) {
      const claimed = await claim(rows, wish, target);
      got.push(...claimed);
      made[wish.key] = [
        ...(made[wish.key] ?? []),
        ...claimed.map(({ address, port }) => ({ HostIp: address, HostPort: String(port) })),
      ];
    }
  } catch (error) {
    rows.transaction(() => got.forEach((row) => rows.removePort(row)), brief);
    throw error;
  }
  return { rows: got, made };
}

async function claim(rows: Rows, wish: Wish, target: Target): Promise<PortRow[]> {
  const places = sides(wish, target);
  if (places.length === 0) return [];
  const { from, to } = wish.from === 0 ? ephemeral() : wish;
  for (let port = from; port <= to; port++) {
    const wanted = places.map((place) => ({
      ...place,
      protocol: wish.protocol,
      port,
      container: target.container,
      target_port: wish.port,
    }));
    if (!take(rows, wanted)) continue;
    const free = await Promise.all(wanted.map((row) => isFree(row)));
    if (free.every(Boolean)) return wanted;
    rows.transaction(() => wanted.forEach((row) => rows.removePort(row)), brief);
  }
  throw taken(places[0]?.address ?? "0.0.0.0", from === to ? from : wish.from);
}

/** All of them or none. */
function take(rows: Rows, wanted: readonly PortRow[]): boolean {
  return rows.transaction(() => {
    for (const row of wanted) {
      const any = row.address.includes(":") ? "::" : "0.0.0.0";
      const others = rows.portsAt(row.protocol, row.port);
      if (others.some(({ address }) => address === row.address || address === any)) return false;
      if (row.address === any && others.some(({ address }) => address.includes(":") === any.includes(":")))
        return false;
    }
    wanted.forEach((row) => rows.addPort(row));
    return true;
  }, brief);
}

/** What the kernel hands out by itself is what nobody has chosen for a service. */
function ephemeral(): { from: number; to: number } {
  const [from = 32_768, to = 60_999] = readFileSync("/proc/sys/net/ipv4/ip_local_port_range", "utf8")
    .trim()
    .split(/\s+/)
    .map(Number);
  return { from, to };
}

/** Whether a socket can be bound there. An address that the host does not have (yet) is free; of SCTP nobody knows. */
function isFree({ address, protocol, port }: PortRow): Promise<boolean> {
  const verdict = (error: Error & { code?: string }) =>
    error.code !== "EADDRINUSE" && error.code !== "EACCES";
  if (protocol === "sctp") return Promise.resolve(true);
  return new Promise((resolve) => {
    if (protocol === "udp") {
      const socket = dgram.createSocket({ type: address.includes(":") ? "udp6" : "udp4", ipv6Only: true });
      socket.once("error", (error) => (socket.close(), resolve(verdict(error))));
      socket.bind({ address, port, exclusive: true }, () => socket.close(() => resolve(true)));
      return;
    }
    const server = net.createServer();
    server.once("error", (error) => resolve(verdict(error)));
    server.listen({ host: address, port, exclusive: true, ipv6Only: true }, () =>
      server.close(() => resolve(true)),
    );
  });
}
