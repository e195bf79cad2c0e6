/** Takes away what is left over. What is in use after all says so itself, and stays. */
import { existsSync, readdirSync, rmdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { killProcess } from "../../kernel/libc.ts";
import { mountPoints } from "./_mount-points.ts";
import { unmount } from "../../kernel/mounts.ts";
import { wantedPods } from "../pods/places.ts";
import type { AuditParts } from "./audit.ts";
import type { Found } from "./_compare.ts";
import { cgroupFolders } from "./_host.ts";

/** Whether it is gone. */
export async function repairOne(engine: AuditParts, found: Found): Promise<boolean> {
  const steps: Readonly<Record<string, () => unknown>> = {
    monitor: () => killProcess(Number.parseInt(found.name, 10), 9) === 0,
    cgroup: () => {
      for (const top of cgroupFolders())
        if (existsSync(join(top, found.name))) removeCgroup(join(top, found.name));
    },
    folder: () => removeFolder(found.name),
    mount: () => unmount(found.name),
    socket: () => rmSync(found.name, { force: true }),
    lease: () => dropLease(engine, found.name.split(" ")[0] ?? ""),
    network: () => engine.networks.restore([...runningOf(engine), ...wantedPods(engine.store)]),
  };
  const step = Object.hasOwn(steps, found.kind) ? steps[found.kind] : undefined;
  // A verb may be at work on the container at this moment.
  const exclusive = (change: () => Promise<boolean>) =>
    found.owner === "" ? change() : engine.tasks.exclusive(found.owner, change);
  if (!step) return false;
  return exclusive(async () => {
    if (found.owner !== "" && lives(engine, found.owner)) return false;
    try {
      return (await step()) !== false;
    } catch {
      return false;
    }
  });
}

function lives({ containers }: AuditParts, owner: string): boolean {
  return containers
    .list()
    .some(({ id, state }) => id === owner && (state === "running" || state === "paused"));
}

function runningOf({ containers }: AuditParts): string[] {
  return containers
    .list()
    .filter(({ state }) => state === "running" || state === "paused")
    .map(({ id }) => id);
}

/** Those below it first; one in which a process lives is not removed. */
function removeCgroup(path: string): void {
  for (const { name } of readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isDirectory()))
    removeCgroup(join(path, name));
  rmdirSync(path);
}

/** Never through a mount: what is mounted there is not ours to empty. */
function removeFolder(path: string): boolean {
  if (mountPoints().some((place) => place === path || place.startsWith(`${path}/`))) return false;
  rmSync(path, { recursive: true, force: true });
  return true;
}

function dropLease({ store }: AuditParts, id: string): void {
  store.transaction(() => store.db.query("DELETE FROM leases WHERE id = ?").run(id));
}
