/** Published ports in a line: `0.0.0.0:8000-8002->80-82/tcp, 443/tcp`. */
import type { Port } from "../../spec/docker/containers.ts";

interface Run {
  readonly address: string;
  readonly type: string;
  readonly inside: number;
  readonly outside: number;
  length: number;
}

/** Neighbours are drawn together, as docker does. */
export function formatPorts(ports: readonly Port[]): string {
  const sorted = ports.toSorted(
    (a, b) =>
      a.Type.localeCompare(b.Type) ||
      Number(isSix(a)) - Number(isSix(b)) ||
      (a.IP ?? "").localeCompare(b.IP ?? "") ||
      a.PrivatePort - b.PrivatePort,
  );
  const runs: Run[] = [];
  for (const { IP = "", PrivatePort, PublicPort = 0, Type } of sorted) {
    const last = runs.at(-1);
    const goesOn =
      last?.address === IP &&
      last.type === Type &&
      last.inside + last.length === PrivatePort &&
      (PublicPort === 0 ? last.outside === 0 : last.outside + last.length === PublicPort);
    if (last && goesOn) last.length++;
    else runs.push({ address: IP, type: Type, inside: PrivatePort, outside: PublicPort, length: 1 });
  }
  return runs.map(text).join(", ");
}

/** Those that are only exposed first, then IPv4. */
const isSix = ({ IP = "" }: Port) => IP.includes(":");

function text({ address, type, inside, outside, length }: Run): string {
  const range = (first: number) => (length > 1 ? `${first}-${first + length - 1}` : String(first));
  const host = address.includes(":") ? `[${address}]` : address;
  return `${outside === 0 ? "" : `${host}:${range(outside)}->`}${range(inside)}/${type}`;
}
