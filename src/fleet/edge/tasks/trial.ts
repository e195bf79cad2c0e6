/**
 * Settings on trial, as the program sees them before any part of the edge works: one that cannot even begin with them must not stay away for ever, since nobody may be near it.
 */
import { existsSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { TaskStore, type Trial } from "./store.ts";

/** Starts with new settings before those from before come back. */
const mostStarts = 3;

/** To be called once by each start, before the settings are read for good. True: they are again those from before. */
export function countTrialStart(root: string): boolean {
  const store = new TaskStore(root);
  const { trial } = store;
  if (!trial || trial.failed !== undefined) return false;
  if (trial.starts >= mostStarts) return takeBackSettings(root, `${mostStarts} starts without a link`);
  store.setTrial({ ...trial, starts: trial.starts + 1 });
  return false;
}

/** Ends a trial that failed: the file from before comes back, and the cloud is told once it can be. False: no settings are on trial. */
export function takeBackSettings(root: string, reason: string): boolean {
  const store = new TaskStore(root);
  const { trial } = store;
  if (!trial || trial.failed !== undefined) return false;
  putBack(trial);
  store.setTrial({ ...trial, failed: reason });
  return true;
}

export function putBack({ file, backup }: Pick<Trial, "file" | "backup">): void {
  if (existsSync(backup)) replaceFile(backup, file);
  else rmSync(file, { force: true });
}

/** Whole or not at all; who may read it stays as it was. */
export function replaceFile(from: string, to: string): void {
  const mode = existsSync(to) ? statSync(to).mode & 0o777 : 0o600;
  rmSync(`${to}.new`, { force: true });
  writeFileSync(`${to}.new`, readFileSync(from), { mode, flush: true, flag: "wx" });
  renameSync(`${to}.new`, to);
}
