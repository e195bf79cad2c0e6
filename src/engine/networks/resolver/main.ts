/**
 * The resolver: a process of its own that answers names in user-defined networks, so that names go on while the daemon is away. Called with the folder that it works in:
 * it holds the lock there as long as it lives, reads the table, and ends when the table has nothing to listen at.
 */
import { readFileSync, renameSync, watch, writeFileSync } from "node:fs";
import { version } from "../../../base/version.ts";
import { lockFile, openFile } from "../../../kernel/libc.ts";
import { O } from "../../../kernel/linux.ts";
import { openForwarder } from "./forward.ts";
import { listen, type Handler } from "./listen.ts";
import { handlerOf } from "./respond.ts";
import { emptyTable, lockFileOf, readTable, serversOf, stateFileOf, type ResolverTable } from "./table.ts";

/** Also without a word from the file system the table is looked at, and an address that could not be bound tried again. */
const lookAgain = 1000;

/** The internal word `resolver FOLDER`. */
export async function resolverMain(args: readonly string[]): Promise<number> {
  const [folder] = args;
  if (!folder) return 2;
  const lock = openFile(lockFileOf(folder), O.RDWR | O.CREAT, 0o600);
  if (lock < 0 || !lockFile(lock, false)) return 0;
  await serve(folder);
  return 0;
}

/** Resolves when there is nothing to do any more. */
function serve(folder: string): Promise<void> {
  let table: ResolverTable = emptyTable;
  let stated = -1;
  const open = new Map<string, Disposable>();
  const handler = handlerOf(() => table, { forwarder: openForwarder(), hostServers });
  return new Promise((resolve) => {
    let working = false;
    let again = false;
    const look = async () => {
      if (working) return void (again = true);
      working = true;
      do {
        again = false;
        table = currentTable(folder, table);
        await follow(table.listen, open, handler);
      } while (again);
      working = false;
      if (table.serial !== stated && table.listen.every((address) => open.has(address)))
        writeState(folder, (stated = table.serial));
      if (table.listen.length === 0 && table.serial > 0) finish();
    };
    const watcher = watch(folder, (_, name) => {
      if (name === "resolver.json") void look();
    });
    const timer = setInterval(() => void look(), lookAgain);
    const finish = () => {
      clearInterval(timer);
      watcher.close();
      resolve();
    };
    void look();
  });
}

/** The one that was read before, while the file cannot be read. */
function currentTable(folder: string, before: ResolverTable): ResolverTable {
  try {
    return readTable(folder);
  } catch {
    return before;
  }
}

async function follow(
  wanted: readonly string[],
  open: Map<string, Disposable>,
  handler: Handler,
): Promise<void> {
  for (const [address, sockets] of open) {
    if (wanted.includes(address)) continue;
    sockets[Symbol.dispose]();
    open.delete(address);
  }
  for (const address of wanted) {
    if (open.has(address)) continue;
    try {
      open.set(address, await listen(address, handler));
    } catch {
      // The bridge is not there yet, or somebody else listens there: tried again.
    }
  }
}

function hostServers({ resolvConf }: ResolverTable): string[] {
  try {
    return serversOf(readFileSync(resolvConf, "utf8"));
  } catch {
    return [];
  }
}

function writeState(folder: string, serial: number): void {
  const path = stateFileOf(folder);
  writeFileSync(`${path}.new`, JSON.stringify({ pid: process.pid, version, serial }), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}
