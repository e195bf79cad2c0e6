import { errno } from "../../../kernel/errno.ts";
import type { OciCpu } from "../../../spec/oci/config.ts";
import { op, type Operation } from "../plan/operations.ts";
import type { CgroupFiles } from "./host.ts";

export interface CreateV1Options {
  readonly dirs: Readonly<Record<string, string>>;
  readonly bases: Readonly<Record<string, string>>;
  readonly cpu: OciCpu | undefined;
  readonly files: CgroupFiles;
}

const why = "linux.cgroupsPath";

/** Makes each controller's directories from the first one that may be missing; those that are there are left as they are. */
export function createV1({ dirs, bases, cpu, files }: CreateV1Options): Operation[] {
  const operations: Operation[] = [];
  const made = new Set<string>();
  for (const controller in dirs) {
    const dir = dirs[controller] ?? "";
    if (made.has(dir)) continue;
    made.add(dir);
    const base = bases[controller] ?? dir;
    if (controller === "cpuset") operations.push(...withCpuset({ base, dir, cpu, files }));
    else for (const level of levels(base, dir)) operations.push(makeDir(level));
  }
  return operations;
}

export function makeDir(path: string): Operation {
  return op("mkdir", { path, mode: 0o755 }, why, { errnos: [errno.EEXIST] });
}

/** The directories from below `base` down to `dir`: for "/a" and "/a/b/c" it is "/a/b" and "/a/b/c". */
export function levels(base: string, dir: string): string[] {
  const found: string[] = [];
  for (let at = dir.indexOf("/", base.length + 1); at !== -1; at = dir.indexOf("/", at + 1)) {
    found.push(dir.slice(0, at));
  }
  if (dir.length > base.length) found.push(dir);
  return found;
}

interface CpusetOptions {
  readonly base: string;
  readonly dir: string;
  readonly cpu: OciCpu | undefined;
  readonly files: CgroupFiles;
}

/**
 * A new cpuset has no CPUs and no memory nodes, and cannot be joined, nor have children with any, until it gets some: from its parent,
 * level by level, where config.json does not say. Documentation/admin-guide/cgroup-v1/cpusets.rst, 1.4 and 2.1.
 */
function withCpuset({ base, dir, cpu, files }: CpusetOptions): Operation[] {
  const operations: Operation[] = [];
  const inherited = { cpus: settingOf(base, "cpus", files), mems: settingOf(base, "mems", files) };
  for (const level of levels(base, dir)) {
    operations.push(makeDir(level));
    for (const key of ["cpus", "mems"] as const) {
      const present = settingOf(level, key, files);
      if (present !== "") inherited[key] = present;
      else if (level === dir && cpu?.[key]) continue;
      else operations.push(op("write", { path: `${level}/cpuset.${key}`, data: inherited[key] }, why));
    }
  }
  return operations;
}

function settingOf(dir: string, key: "cpus" | "mems", files: CgroupFiles): string {
  return files.read(`${dir}/cpuset.${key}`)?.trim() ?? "";
}
