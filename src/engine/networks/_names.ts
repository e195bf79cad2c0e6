/** The engine's side of names: writes the resolver's table and sees to it that one resolver runs, of this version, as long as it is needed. */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SampanError } from "../../base/errors.ts";
import { version } from "../../base/version.ts";
import { closeFd, killProcess, lockFile, openFile } from "../../kernel/libc.ts";
import { O } from "../../kernel/linux.ts";
import { gatewayOf, hasNames } from "./_config.ts";
import { queue } from "./_parts.ts";
import {
  emptyTable,
  lockFileOf,
  readTable,
  stateFileOf,
  tableFileOf,
  type ResolverMember,
  type ResolverState,
  type ResolverTable,
} from "./resolver/table.ts";
import type { EndpointRow, NetworkRow, Rows } from "./_rows.ts";

const patience = 10_000;
const poll = 1;
const moment = 250;
const SIGKILL = 9;

export interface Names {
  /** Brings the table up to date; waits until the resolver answers at a new address. */
  update(): Promise<void>;
  faults(): readonly string[];
}

export interface NamesOptions {
  readonly rows: Rows;
  /** Of the state root. */
  readonly folder: string;
  /** The resolver's program and its first words. */
  readonly command: readonly string[];
  /** /etc/resolv.conf of the host. */
  readonly resolvConf: string;
}

type Table = Omit<ResolverTable, "serial">;

/** The address of a network at which its names are answered. */
export const nameServerOf = (row: NetworkRow): string | undefined =>
  hasNames(row) ? (gatewayOf(row, 4) ?? gatewayOf(row, 6)) : undefined;

/** Pure. */
export function tableOf(
  networks: readonly NetworkRow[],
  endpoints: readonly EndpointRow[],
  { resolvConf, dns }: { resolvConf: string; dns: (container: string) => readonly string[] },
): Table {
  const open = endpoints.filter(({ device }) => device !== null);
  const named = networks.filter((row) => hasNames(row) && open.some(({ network }) => network === row.id));
  const inNamed = new Set(
    open.flatMap(({ network, container }) => (named.some(({ id }) => id === network) ? container : [])),
  );
  const members: Record<string, ResolverMember> = {};
  const names: Record<string, Record<string, string[]>> = {};
  for (const endpoint of open) {
    const network = networks.find(({ id }) => id === endpoint.network);
    if (!network) continue;
    if (!inNamed.has(endpoint.container)) continue;
    const addresses = [endpoint.ipv4, endpoint.ipv6].filter((address) => address !== null);
    const before = members[endpoint.container];
    members[endpoint.container] = {
      addresses: [...(before?.addresses ?? []), ...addresses],
      networks: [...(before?.networks ?? []), ...(hasNames(network) ? [network.id] : [])],
      outside: (before?.outside ?? false) || !network.internal,
      links: { ...before?.links, ...linksOf(endpoint) },
      dns: dns(endpoint.container),
    };
    if (!hasNames(network)) continue;
    // A container may be called "constructor".
    const list = (names[network.id] ??= Object.create(null) as Record<string, string[]>);
    for (const name of new Set(endpoint.names.map((each) => each.toLowerCase())))
      list[name] = [...(list[name] ?? []), ...addresses];
  }
  const listen = named.flatMap((row) => nameServerOf(row) ?? []);
  return { listen, resolvConf, members, networks: names };
}

/** `name:alias` of `--link`, as alias → name. */
function linksOf({ asked }: EndpointRow): Record<string, string> {
  const pairs = (asked.Links ?? []).map((link) => link.toLowerCase().replace(/^\//, "").split(":"));
  return Object.fromEntries(
    pairs.map(([name = "", alias = name]) => [alias.split("/").at(-1) ?? alias, name]),
  );
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

export function openNames({ rows, folder, command, resolvConf }: NamesOptions): Names {
  const inTurn = queue();
  const wanted = (): Table => {
    const dns = new Map(rows.sandboxes().map((each) => [each.container, each.dns]));
    return tableOf(rows.networks(), rows.endpoints(), {
      resolvConf,
      dns: (container) => dns.get(container) ?? [],
    });
  };
  const update = async () => {
    const before = present(folder);
    const table = wanted();
    const { serial, ...rest } = before;
    const same = JSON.stringify(rest) === JSON.stringify(table);
    if (table.listen.length === 0 && before.listen.length === 0) return;
    const next = { ...table, serial: same ? serial : serial + 1 };
    if (!same) write(folder, next);
    if (next.listen.length === 0) return;
    const known = next.listen.every((address) => before.listen.includes(address));
    const state = stateOf(folder);
    if (known && isRunning(folder) && state?.version === version && !isStopped(state.pid))
      return caughtUp(folder, next.serial);
    await running(folder, command, next.serial);
  };
  let next: Promise<void> | undefined;
  return {
    // Those who come while one is at work share the next one, which sees what all of them changed.
    update: () =>
      (next ??= inTurn(() => {
        next = undefined;
        return update();
      })),
    faults() {
      if (wanted().listen.length === 0) return [];
      return isRunning(folder) ? [] : ["names: the resolver does not run"];
    },
  };
}

function present(folder: string): ResolverTable {
  try {
    const { serial, listen, resolvConf, members, networks } = readTable(folder);
    return { listen, resolvConf, members, networks, serial };
  } catch {
    return emptyTable;
  }
}

function write(folder: string, table: ResolverTable): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const path = tableFileOf(folder);
  writeFileSync(`${path}.new`, JSON.stringify(table), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

/** Who lives holds the lock; a number of a process alone would say nothing. */
function isRunning(folder: string): boolean {
  const fd = openFile(lockFileOf(folder), O.RDWR, 0);
  if (fd < 0) return false;
  try {
    return !lockFile(fd, false);
  } finally {
    closeFd(fd);
  }
}

function stateOf(folder: string): ResolverState | undefined {
  const text = readIfThere(stateFileOf(folder));
  return text === "" ? undefined : (JSON.parse(text) as ResolverState);
}

/** By SIGSTOP, or by who traces it. */
function isStopped(pid: number): boolean {
  return /^State:\s+[Tt]/m.test(readIfThere(`/proc/${pid}/status`));
}

/** One that answers at these addresses already reads the table within a moment; where it is slow, names come a little after their container. */
async function caughtUp(folder: string, serial: number): Promise<void> {
  const end = performance.now() + moment;
  while ((stateOf(folder)?.serial ?? 0) < serial && performance.now() < end) await Bun.sleep(poll);
}

/** Waits until a resolver of this version answers by the table `serial`; starts one as often as none runs, ends one of another version. */
async function running(folder: string, command: readonly string[], serial: number): Promise<void> {
  const end = performance.now() + patience;
  let ended = 0;
  let child: Bun.Subprocess | undefined;
  for (;;) {
    const state = stateOf(folder);
    const lives = isRunning(folder);
    if (lives && state && state.version === version && state.serial >= serial) return;
    if (lives && state && state.version !== version && state.pid !== ended)
      process.kill((ended = state.pid), "SIGTERM");
    // Names come from it no more, and it would hold its lock for ever.
    if (lives && state && isStopped(state.pid)) killProcess(state.pid, SIGKILL);
    // Which takes the lock in a moment; one that finds it taken ends by itself.
    if (!lives && (!child || child.exitCode !== null || child.signalCode !== null))
      child = start(folder, command);
    if (performance.now() > end)
      throw new SampanError(
        "deadline_exceeded",
        `cannot answer names of networks: the resolver does not listen at port 53 of its bridges after ${patience / 1000} s; is the port taken?`,
      );
    await Bun.sleep(poll);
  }
}

function start(folder: string, command: readonly string[]): Bun.Subprocess {
  // What an earlier one wrote says nothing of this one.
  rmSync(stateFileOf(folder), { force: true });
  const [program = "", ...words] = command;
  const child = Bun.spawn([program, ...words, folder], {
    cwd: "/",
    env: {},
    stdin: "ignore",
    stdout: "ignore",
    stderr: "ignore",
    detached: true,
  });
  child.unref();
  return child;
}

export const resolverFolder = (state: string): string => join(state, "networks");
