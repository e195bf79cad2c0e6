/** What the server's certificate says that it is called. */
import { isIP } from "node:net";
import { hostname, networkInterfaces } from "node:os";
import { invalid } from "../../../../../base/errors.ts";
import type { AlternativeNames } from "./issue.ts";

const always = [
  "localhost",
  "kubernetes",
  "kubernetes.default",
  "kubernetes.default.svc",
  "kubernetes.default.svc.cluster.local",
] as const;

const dnsName = /^(?:\*\.)?(?!-)[a-z0-9-]{1,63}(?<!-)(?:\.(?!-)[a-z0-9-]{1,63}(?<!-))*$/;

/** The names that every server has, those of this machine, and those asked for. Errors: `invalid_argument` for what is neither name nor address. */
export function serverNames(
  asked: readonly string[] = [],
  machine: readonly string[] = machineNames(),
): AlternativeNames {
  const good = asked.map(checked);
  // What the machine calls itself may be no name of DNS: then it is left out.
  const own = machine.map((name) => name.toLowerCase()).filter((name) => isIP(name) || dnsName.test(name));
  const all = [...new Set([...always, "127.0.0.1", "::1", ...own, ...good])];
  return { dns: all.filter((name) => !isIP(name)), ip: all.filter((name) => isIP(name)) };
}

function checked(name: string): string {
  const bare = name.replace(/^\[(.*)\]$/, "$1").toLowerCase();
  const canonical = isIP(bare) === 6 ? new URL(`http://[${bare}]`).hostname.slice(1, -1) : bare;
  if (isIP(canonical) || (dnsName.test(canonical) && canonical.length <= 253)) return canonical;
  throw invalid(`cannot use name "${name}" for the server's certificate: wanted a DNS name or an IP address`);
}

/** Addresses that a link gave itself are of no use to others. */
function machineNames(): string[] {
  const addresses = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  return [
    hostname(),
    ...addresses
      .filter(({ address, internal }) => !internal && !/^fe80:/i.test(address))
      .map(({ address }) => address),
  ];
}
