/** `--publish` and `--expose`. */
import { invalid } from "../../../base/errors.ts";
import type { PortBinding } from "../../../spec/docker/create.ts";
import { csvPairs } from "./key-values.ts";

export interface Ports {
  readonly exposed: Record<string, object>;
  readonly bindings: Record<string, PortBinding[]>;
}

interface Range {
  readonly first: number;
  readonly last: number;
}

const protocols = ["tcp", "udp", "sctp"];

function range(text: string, whole: string): Range {
  const [, from = "", to = from] = /^(\d+)(?:-(\d+))?$/.exec(text) ?? [];
  const found = { first: Number(from), last: Number(to) };
  if (from === "" || found.last < found.first || found.last > 65535)
    throw invalid(`cannot publish "${whole}": "${text}" is no port from 1 to 65535, or range of ports`);
  return found;
}

function cutProtocol(text: string, whole: string): { ports: string; protocol: string } {
  const [ports = "", protocol = "tcp", ...more] = text.split("/");
  const lower = protocol.toLowerCase() || "tcp";
  if (more.length > 0 || !protocols.includes(lower))
    throw invalid(`cannot publish "${whole}": wanted ${protocols.join(", ")} behind the slash`);
  return { ports, protocol: lower };
}

/** `[::1]:80:80`, `127.0.0.1:80:80`, `127.0.0.1::80`, `80:80`, `80`. */
function split(text: string): { address: string; host: string; container: string } {
  const bracketed = /^\[([^\]]*)\]:(.*)$/.exec(text);
  const words = (bracketed?.[2] ?? text).split(":");
  const container = words.pop() ?? "";
  const host = words.pop() ?? "";
  return { address: bracketed?.[1] ?? words.join(":"), host, container };
}

/** Docker's long form: `published=8080,target=80,protocol=udp`. */
function fromPairs(text: string): string {
  if (!text.includes("=")) return text;
  const given = new Map(csvPairs(text).map(({ key, value = "" }) => [key, value]));
  const target = given.get("target");
  if (target === undefined) throw invalid(`cannot publish "${text}": wanted target=PORT in it`);
  const published = given.get("published") ?? "";
  return `${published === "" ? "" : `${published}:`}${target}/${given.get("protocol") ?? "tcp"}`;
}

export function parsePorts(publish: readonly string[], expose: readonly string[]): Ports {
  const ports: Ports = { exposed: {}, bindings: {} };
  for (const text of publish) publishOne(fromPairs(text), ports);
  for (const text of expose) {
    const { ports: numbers, protocol } = cutProtocol(text, text);
    const { first, last } = range(numbers, text);
    for (let port = first; port <= last; port++) ports.exposed[`${port}/${protocol}`] = {};
  }
  return ports;
}

function publishOne(text: string, { exposed, bindings }: Ports): void {
  const { ports, protocol } = cutProtocol(text, text);
  const { address, host, container } = split(ports);
  if (address !== "" && !/^[0-9a-f.:%]+$/i.test(address))
    throw invalid(`cannot publish "${text}": "${address}" is no address`);
  const inside = range(container, text);
  const outside = host === "" ? undefined : range(host, text);
  const count = inside.last - inside.first;
  if (outside && count > 0 && outside.last - outside.first !== count)
    throw invalid(`cannot publish "${text}": the two ranges differ in length`);
  for (let at = 0; at <= count; at++) {
    const key = `${inside.first + at}/${protocol}`;
    exposed[key] = {};
    // One port inside and several outside: the first free one of them.
    const HostPort = !outside ? "" : count === 0 ? host : String(outside.first + at);
    (bindings[key] ??= []).push({ HostIp: address, HostPort });
  }
}
