/**
 * The trial of a new program, as bin sees it between two lives of the edge. The program from before stands in its place until the new one, started beside it, has reached the cloud: whatever
 * happens in between, also to the machine, the next start is one that worked before.
 */
import { copyFileSync, existsSync, linkSync, renameSync, rmSync } from "node:fs";
import { plainVersion } from "./plan.ts";
import { TaskStore, type UpgradeTrial } from "../store.ts";
import { programBefore } from "./own.ts";

/** Milliseconds in which its link has to stand. */
export const trialTime = 300_000;

/** The trial that is to be begun or finished; undefined when none is, or when it is decided against it. */
export function openTrial(root: string): UpgradeTrial | undefined {
  const { upgrade } = new TaskStore(root);
  return upgrade && !isFailed(upgrade) ? upgrade : undefined;
}

/** It stood, and was not put in its place: the process or the machine ended in between. */
export function isLeft(root: string, version: string): boolean {
  const { upgrade } = new TaskStore(root);
  return upgrade !== undefined && hasStood(upgrade) && plainVersion(version) !== upgrade.to;
}

export function hasStood({ verdict }: UpgradeTrial): boolean {
  return verdict !== undefined && "stands" in verdict;
}

export function isFailed({ verdict }: UpgradeTrial): boolean {
  return verdict !== undefined && "failed" in verdict;
}

/** The first word counts: what failed has its reason from who was there. */
export function decide(root: string, verdict: NonNullable<UpgradeTrial["verdict"]>): void {
  const store = new TaskStore(root);
  const { upgrade } = store;
  if (upgrade && !isFailed(upgrade)) store.setUpgrade({ ...upgrade, verdict });
}

/** The program that runs, once more beside itself. Data are not touched. */
export function backUp(path: string): void {
  const [whole, draft] = [programBefore(path), `${programBefore(path)}.part`];
  rmSync(draft, { force: true });
  try {
    linkSync(path, draft);
  } catch {
    // A file system without hard links.
    copyFileSync(path, draft);
  }
  renameSync(draft, whole);
}

/** In one step; what runs of the file from before runs on. */
export function putInPlace({ program, target }: UpgradeTrial): void {
  renameSync(program, target);
}

/** The program from before comes back. */
export function takeBack({ target }: UpgradeTrial): void {
  if (existsSync(programBefore(target))) renameSync(programBefore(target), target);
}
