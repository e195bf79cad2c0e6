/**
 * A change of this edge's settings by the cloud: checked first, then on trial. The process begins again with the new file; when the link does not stand in time, or it keeps ending, the file
 * from before comes back.
 */
import { copyFileSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SampanError } from "../../../base/errors.ts";
import type { EdgeContext } from "../part.ts";
import { connectedWithin } from "./connected.ts";
import type { Reporter, Task } from "./report.ts";
import { changedSettings } from "./settings.ts";
import type { TaskStore } from "./store.ts";
import { putBack, replaceFile } from "./trial.ts";

/** How this process takes settings, as bin knows it. */
export interface SettingsFile {
  readonly path: string;
  /** Throws when a process that began with this file would not come up. */
  check(path: string): void;
  /** Ends this process in order, so that it begins again with what is there now. */
  restart(): void;
}

interface Parts extends Pick<EdgeContext, "link" | "clock" | "log" | "signal"> {
  readonly store: TaskStore;
  readonly reporter: Reporter;
  readonly file: SettingsFile;
}

const draftName = "draft.toml";
/** Milliseconds in which the link has to stand. */
const trialTime = 300_000;

/** Check, BackUp and Update; what comes of it is told after the restart. */
export function updateSettings(parts: Parts, task: Task, changes: Readonly<Record<string, string>>): void {
  const { reporter, store, file } = parts;
  const draft = join(store.folder, draftName);
  const backup = join(store.folder, "before.toml");
  const isDone =
    attempt(parts, task, "Check", () => {
      writeFileSync(draft, Bun.TOML.stringify(changedSettings(readSettings(file.path), changes)), {
        mode: 0o600,
      });
      file.check(draft);
    }) &&
    attempt(parts, task, "BackUp", () => {
      rmSync(backup, { force: true });
      if (existsSync(file.path)) copyFileSync(file.path, backup);
    });
  if (!isDone) return;
  try {
    // The trial first: a process that ends in between finds the file from before in its place, and nothing is lost.
    store.setTrial({ resource: task.resource, file: file.path, backup, starts: 0 });
    replaceFile(draft, file.path);
    file.restart();
  } catch (error) {
    putBack({ file: file.path, backup });
    store.setTrial(undefined);
    reporter.report(task, { action: "Update", succ: false, reason: SampanError.from(error).message });
    reporter.report(task, { action: "RollBack", succ: true });
  }
}

function attempt({ reporter }: Parts, task: Task, action: string, act: () => void): boolean {
  try {
    act();
    reporter.report(task, { action, succ: true });
    return true;
  } catch (error) {
    reporter.report(task, { action, succ: false, reason: SampanError.from(error).message });
    return false;
  }
}

function readSettings(path: string): Record<string, unknown> {
  return existsSync(path) ? (Bun.TOML.parse(readFileSync(path, "utf8")) as Record<string, unknown>) : {};
}

/** Goes on with a trial that this process began with. Resolves when it is decided, or the signal aborts. */
export async function endTrial(parts: Parts): Promise<void> {
  const { store, reporter, link, clock, signal, file, log } = parts;
  const { trial } = store;
  if (!trial) return;
  const task: Task = { style: "action", resource: trial.resource };
  const isWritten = trial.failed !== undefined || isSame(join(store.folder, draftName), trial.file);
  if (!isWritten) {
    store.setTrial(undefined);
    reporter.report(task, {
      action: "Update",
      succ: false,
      reason: "the process ended before they were written",
    });
    return;
  }
  const stands = trial.failed === undefined && (await connectedWithin({ link, clock, signal }, trialTime));
  if (signal.aborted) return;
  if (trial.failed === undefined && !stands) putBack(trial);
  store.setTrial(undefined);
  if (stands) {
    reporter.report(task, { action: "Update", succ: true });
    return;
  }
  log("the settings are again those from before the cloud changed them");
  const reason = trial.failed ?? `no link within ${trialTime / 1000} s`;
  reporter.report(task, { action: "Update", succ: false, reason });
  reporter.report(task, { action: "RollBack", succ: true });
  if (trial.failed === undefined) file.restart();
}

function isSame(draft: string, file: string): boolean {
  return existsSync(draft) && existsSync(file) && readFileSync(draft).equals(readFileSync(file));
}
