/** A folder of a counterpart's own with the runtime in it, under the name that makes the program a runtime. */
import { existsSync, mkdtempSync, readFileSync, realpathSync, rmdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { until } from "./_await.ts";
import { output } from "./_ran.ts";

/** The runtime under test: ours, unless the environment names another one. */
const program = process.env["COUNTERPART_RUNTIME"] ?? "dist/sampan";

/** Where the runtime keeps its containers when nobody says where. */
export const ownFolder = basename(program) === "runc" ? "/run/runc" : "/run/sampan/runtime";

/** What a counterpart's tests need of the machine. */
export const needs = (...programs: string[]) => ({
  root: true,
  programs: [...programs, "busybox"],
  files: [program],
});

export interface Place extends AsyncDisposable {
  readonly folder: string;
  /** Absolute. */
  readonly runtime: string;
}

/** Disposing unmounts what is mounted below the folder and removes it. */
export function makePlace(name: string): Place {
  const folder = mkdtempSync(join(realpathSync(tmpdir()), `sampan-${name}-`));
  const runtime = join(folder, "sampan-runtime");
  symlinkSync(realpathSync(program), runtime);
  return {
    folder,
    runtime,
    async [Symbol.asyncDispose]() {
      for (const mount of mountsBelow(folder).toReversed()) await output(["umount", "-l", mount]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Mount points below a folder, in the order they were made. */
export function mountsBelow(folder: string): string[] {
  return readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[4] ?? "")
    .filter((point) => point.startsWith(`${folder}/`));
}

/** Ends a process that was started here and waits for its end: politely, and after a while not. */
export async function end(child: Bun.Subprocess): Promise<void> {
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), 15_000);
  await child.exited;
  clearTimeout(timer);
}

/** All cgroups of one path, one for each mounted hierarchy; the unified one alone where there is only that. */
export function cgroupFolders(path: string): string[] {
  return readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .filter((line) => / - cgroup2? /.test(line))
    .map((line) => `${line.split(" ")[4]}/${path}`);
}

/**
 * Takes away, when disposed, those of the folders that were not there before: what a counterpart makes outside of its place. A process that
 * is ending may hold one for a moment; what is still in use then stays.
 */
export function emptiedAfter(...folders: string[]): AsyncDisposable {
  const made = folders.filter((folder) => !existsSync(folder)).toReversed();
  const removed = () => {
    for (const folder of made) if (existsSync(folder)) removeIfEmpty(folder);
    return made.every((folder) => !existsSync(folder)) || undefined;
  };
  return {
    [Symbol.asyncDispose]: async () =>
      void (await until("the folders to be free", removed, 10).catch(() => {})),
  };
}

/** Cgroups have files, so that only the kernel can say whether one is empty. */
function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    return;
  }
}
