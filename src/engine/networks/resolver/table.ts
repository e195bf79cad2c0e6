/** What the resolver knows: one JSON file, written whole by the engine, read again when it has changed. */
import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { SampanError } from "../../../base/errors.ts";

export interface ResolverTable {
  /** Rises with each writing; the resolver says in its state file up to which it answers by. */
  readonly serial: number;
  /** Addresses that it listens at, port 53; none: it ends. */
  readonly listen: readonly string[];
  /** The file that names the host's servers; read by the resolver itself, so that a host that moves to another network is followed at once. */
  readonly resolvConf: string;
  /** By the id of the container. */
  readonly members: Readonly<Record<string, ResolverMember>>;
  /** By the id of the network: name, in small letters → addresses. */
  readonly networks: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;
}

export interface ResolverMember {
  readonly addresses: readonly string[];
  /** Ids, in the order in which names are looked for. */
  readonly networks: readonly string[];
  /** Whether anything outside may be asked for it. */
  readonly outside: boolean;
  /** Names that it alone knows others by (`--link`), in small letters → the other's name. */
  readonly links: Readonly<Record<string, string>>;
  /** Servers that it wants to be asked instead of the host's. */
  readonly dns: readonly string[];
}

export interface ResolverState {
  readonly pid: number;
  readonly version: string;
  readonly serial: number;
}

export const lockFileOf = (folder: string): string => `${folder}/resolver.lock`;
export const tableFileOf = (folder: string): string => `${folder}/resolver.json`;
export const stateFileOf = (folder: string): string => `${folder}/resolver.state`;

export const emptyTable: ResolverTable = { serial: 0, listen: [], resolvConf: "", members: {}, networks: {} };

/** Errors: `not_found`, `data_loss`. */
export function readTable(folder: string): ResolverTable {
  let text: string;
  try {
    text = readFileSync(tableFileOf(folder), "utf8");
  } catch (cause) {
    throw new SampanError("not_found", `cannot read "${tableFileOf(folder)}": it is not there`, { cause });
  }
  try {
    return { ...emptyTable, ...(JSON.parse(text) as ResolverTable) };
  } catch (cause) {
    throw new SampanError("data_loss", `cannot read "${tableFileOf(folder)}": it is no JSON`, { cause });
  }
}

/** The servers that a file as resolv.conf(5) names; three at most are asked. Pure. */
export function serversOf(resolvConf: string): string[] {
  const lines = resolvConf.split("\n").map((line) => line.trim().split(/\s+/));
  return lines
    .flatMap(([word, address = ""]) => (word === "nameserver" && isIP(address) > 0 ? [address] : []))
    .slice(0, 3);
}
