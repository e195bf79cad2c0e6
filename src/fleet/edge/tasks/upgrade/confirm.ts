/** A person's word at this machine: a file in the edge's own folder, which root alone may write. */
import { existsSync, readFileSync, renameSync, rmSync, watch, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SampanError } from "../../../../base/errors.ts";
import { parseTaskResource } from "../../../link/kinds/jobs.ts";
import { TaskStore, type HeldUpgrade } from "../store.ts";

const fileName = "confirmed";
const mostName = 1024;

const nameOf = ({ job }: HeldUpgrade): string => {
  const { resource } = job.route;
  try {
    return parseTaskResource(resource).job;
  } catch {
    // Of a cloud to 1.20: `upgrade/<job>/node/<node>`.
    return resource.split("/")[1] ?? resource;
  }
};

/** Lets the upgrade that waits begin. Gives its job and version. Errors: `failed_precondition` when none waits, or when several do and none of them is named. */
export function confirmUpgrade(root: string, job: string | undefined): { job: string; version: string } {
  const { folder, held } = new TaskStore(root);
  const meant = held.filter((each) => job === undefined || nameOf(each) === job);
  const [only] = meant;
  if (!only || meant.length > 1)
    throw new SampanError("failed_precondition", `cannot confirm an upgrade: ${whyNot(held, job)}`);
  const path = join(folder, fileName);
  writeFileSync(`${path}.part`, only.job.route.resource, { mode: 0o600 });
  renameSync(`${path}.part`, path);
  return { job: nameOf(only), version: only.version };
}

function whyNot(held: readonly HeldUpgrade[], job: string | undefined): string {
  if (held.length === 0) return "none waits for it";
  const names = held.map((each) => `"${nameOf(each)}" (${each.version})`).join(", ");
  return job === undefined ? `several wait, wanted the name of one: ${names}` : `only these wait: ${names}`;
}

/** Calls with the resource of a job that was confirmed, now or before. */
export function onConfirmed(folder: string, confirmed: (resource: string) => void): Disposable {
  const path = join(folder, fileName);
  const look = () => {
    if (!existsSync(path)) return;
    const resource = readFileSync(path, "utf8").slice(0, mostName);
    rmSync(path, { force: true });
    confirmed(resource);
  };
  const watcher = watch(folder, look);
  look();
  return { [Symbol.dispose]: () => watcher.close() };
}
