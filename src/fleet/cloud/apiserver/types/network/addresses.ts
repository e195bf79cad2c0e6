/** Addresses and ports that are given out once: a record beside the objects says who has which. */
import { createHash } from "node:crypto";
import { isIPv4 } from "node:net";
import type { KubeObject } from "../../../../../spec/kubernetes/kube.ts";
import type { StrategyContext } from "../../resource.ts";
import { at, entries, text, texts } from "../fields/read.ts";

type Ledger = Pick<StrategyContext, "find" | "keep">;

/** One kind of thing that is given out. */
export interface Range {
  /** The records' kind in the storage. */
  readonly records: string;
  readonly size: number;
  /** The name of one of them. */
  nameOf(index: number): string;
  /** Whether a service has it. */
  isHeldBy(service: KubeObject, name: string): boolean;
}

/** 10.96.0.0/12 without its first and last address; the first after those is the API's own. */
export const clusterAddresses: Range = {
  records: "ranges/clusterips",
  size: 2 ** 20 - 3,
  nameOf(index) {
    const offset = index + 2;
    return `10.${96 + (offset >> 16)}.${(offset >> 8) & 255}.${offset & 255}`;
  },
  isHeldBy: ({ spec }, name) => at(spec).clusterIP === name || texts(at(spec).clusterIPs).includes(name),
};

/** Whether an address is of the range, the API's own among them. */
export function isClusterAddress(address: string): boolean {
  const [first, second = 0, ...rest] = address.split(".").map(Number);
  return isIPv4(address) && first === 10 && second >= 96 && second < 112 && rest.length === 2;
}

export const nodePorts: Range = {
  records: "ranges/nodeports",
  size: 32767 - 30000 + 1,
  nameOf: (index) => String(30000 + index),
  isHeldBy: ({ spec }, name) =>
    entries(at(spec).ports).some(({ nodePort }) => String(nodePort as number) === name),
};

/** Whether nobody, or only this service, has it. */
export function isFree(
  range: Range,
  name: string,
  { service, ledger }: { service: KubeObject; ledger: Ledger },
): boolean {
  const record = ledger.find(range.records, "", name);
  if (!record) return true;
  const { namespace, name: owner } = at(record.owner);
  const { metadata } = service;
  if (namespace === metadata.namespace && owner === metadata.name) return true;
  const other = ledger.find("services", text(namespace), text(owner));
  // The record of a service that is gone, or has another by now, may be taken over.
  return other === undefined || !range.isHeldBy(other, name);
}

/** Writes down whose it is, unless that is written already. */
export function hold(
  range: Range,
  name: string,
  { service, ledger }: { service: KubeObject; ledger: Ledger },
): void {
  const { namespace, name: owner } = service.metadata;
  const known = at(ledger.find(range.records, "", name)?.owner);
  if (known.namespace === namespace && known.name === owner) return;
  ledger.keep(range.records, name, {
    apiVersion: "sampan/v1",
    kind: "Allocation",
    metadata: { name },
    owner: { namespace, name: owner },
  });
}

/**
 * A free one, the same for the same service as long as that is free: what a service leaves behind is what it takes when it comes again, so records do not pile up.
 * Undefined when all are taken.
 */
export function take(
  range: Range,
  salt: string,
  holder: { readonly service: KubeObject; readonly ledger: Ledger; readonly taken: ReadonlySet<string> },
): string | undefined {
  const { namespace = "", name = "" } = holder.service.metadata;
  const start = createHash("sha256").update(`${namespace}/${name}/${salt}`).digest().readUInt32BE(0);
  for (let step = 0; step < range.size; step += 1) {
    const found = range.nameOf((start + step) % range.size);
    if (holder.taken.has(found) || !isFree(range, found, holder)) continue;
    hold(range, found, holder);
    return found;
  }
  return undefined;
}
