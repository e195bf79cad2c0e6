/**
 * Addresses of services: what goes to one is led to one of its targets by rules of the kernel, which stay when this process goes. Of Kubernetes' services this is what kube-proxy does
 * (https://kubernetes.io/docs/reference/networking/virtual-ips/). Answers find their way back by the rules of the networks that the targets are in.
 */
import { isIP } from "node:net";
import { invalid } from "../../base/errors.ts";
import { addressIndexOffset, newAddress } from "../../kernel/netlink-address.ts";
import type { NamespaceDoor } from "./door.ts";
import { bytesOf, parseAddress } from "./_addresses.ts";
import { nft } from "./_nft.ts";
import { servicesText } from "./_services-rules.ts";

export interface ServiceTarget {
  readonly address: string;
  readonly port: number;
}

export interface ServiceRule {
  /** Addresses of the service, of both families. */
  readonly addresses: readonly string[];
  readonly protocol: "tcp" | "udp" | "sctp";
  readonly port: number;
  /** On each address of the host, too. */
  readonly nodePort?: number;
  /** None: who connects is refused at once. */
  readonly targets: readonly ServiceTarget[];
  /** One who connects again comes to the same target. */
  readonly sticky: boolean;
}

export interface ServiceProxy {
  /** These and no others, in one transaction. Errors: `invalid_argument` for what is no address or port; those of nft. */
  set(rules: readonly ServiceRule[]): Promise<void>;
  /** Gives the host an address of its own on its loopback device, which containers reach as they reach the host. The same again changes nothing. */
  address(address: string): Promise<void>;
  /** Takes the rules away. */
  clear(): Promise<void>;
}

export interface ServiceProxyOptions {
  readonly door: NamespaceDoor;
  /** Of nftables. */
  readonly table: string;
}

const mostRules = 20_000;
const mostTargets = 1000;

export function openServiceProxy({ door, table }: ServiceProxyOptions): ServiceProxy {
  let last: string | undefined;
  let turn: Promise<unknown> = Promise.resolve();
  const inTurn = <Result>(work: () => Promise<Result>): Promise<Result> => {
    const now = turn.then(work, work);
    turn = now.catch(() => {});
    return now;
  };
  return {
    set: async (rules) => {
      rules.forEach(check);
      if (rules.length > mostRules)
        throw invalid(`cannot lead ${rules.length} ports of services: ${mostRules} is the most`);
      const text = servicesText(table, rules);
      return inTurn(async () => {
        if (text === last) return;
        last = undefined;
        await nft(text);
        last = text;
      });
    },
    address: async (address) => {
      if (isIP(address) === 0) throw invalid(`cannot give the host the address "${address}": it is none`);
      const bytes = bytesOf(parseAddress(address));
      const message = newAddress(0, bytes, bytes.length * 8);
      await door.host([
        {
          host: { message, device: "lo", indexAt: addressIndexOffset, why: `address ${address} of loopback` },
        },
      ]);
    },
    clear: () =>
      inTurn(async () => {
        last = undefined;
        await nft(`add table inet ${table}\ndelete table inet ${table}\n`);
      }),
  };
}

/** Rules become text for nft: nothing but addresses, numbers and known words may be in them. */
function check({ addresses, protocol, port, nodePort, targets }: ServiceRule): void {
  const bad = [...addresses, ...targets.map(({ address }) => address)].find(
    (address) => isIP(address) === 0 || address.includes("%"),
  );
  if (bad !== undefined) throw invalid(`cannot lead to "${bad}": it is no address`);
  const ports = [
    port,
    ...targets.map((target) => target.port),
    ...(nodePort === undefined ? [] : [nodePort]),
  ];
  const none = ports.find((each) => !Number.isInteger(each) || each < 1 || each > 65_535);
  if (none !== undefined) throw invalid(`cannot lead to port ${none}: it is none`);
  if (!["tcp", "udp", "sctp"].includes(protocol))
    throw invalid(`cannot lead protocol "${protocol}": wanted tcp, udp or sctp`);
  if (targets.length > mostTargets)
    throw invalid(`cannot lead to ${targets.length} targets: ${mostTargets} is the most`);
}
