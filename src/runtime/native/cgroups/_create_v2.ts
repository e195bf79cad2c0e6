import { SampanError } from "../../../base/errors.ts";
import type { OciResources } from "../../../spec/oci/config.ts";
import { op, type Operation } from "../plan/operations.ts";
import { levels, makeDir } from "./_create_v1.ts";
import { firstOr } from "./_limits.ts";
import type { CgroupFiles } from "./host.ts";
import { needsDomain } from "./limits_v2.ts";

export interface CreateV2Options {
  readonly dir: string;
  /** Where the hierarchy is mounted. */
  readonly mount: string;
  readonly resources: OciResources;
  readonly files: CgroupFiles;
}

export interface CreatedV2 {
  readonly operations: Operation[];
  /** What the hierarchy's root has; undefined when it cannot be read. */
  readonly controllers: readonly string[] | undefined;
  /** The new cgroup is a threaded one, because its parent has processes or is threaded itself. */
  readonly threaded: boolean;
}

const why = "linux.cgroupsPath";

/**
 * Makes the directories, and enables all controllers on the way down, as runc does, so that a limit can be set later too.
 * Documentation/admin-guide/cgroup-v2.rst, "Controlling Controllers" and "Threads".
 * Errors: `failed_precondition` when limits of domain controllers are asked for below a cgroup that cannot have them.
 */
export function createV2({ dir, mount, resources, files }: CreateV2Options): CreatedV2 {
  const controllers = namesIn(files.read(`${mount}/cgroup.controllers`));
  const operations: Operation[] = [];
  let type = files.read(`${mount}/cgroup.type`)?.trim() ?? "domain";
  if (dir !== mount) operations.push(...enable(mount, controllers ?? [], files));
  for (const level of levels(mount, dir)) {
    const present = files.read(`${level}/cgroup.type`)?.trim();
    if (present === undefined) operations.push(makeDir(level));
    // What is made below a cgroup that is threaded, or has threaded children, is of no use until it is made threaded too.
    type = present ?? (type === "domain" ? "domain" : "domain invalid");
    if (type !== "domain") refuseDomain(resources, level, type);
    if (type === "domain invalid") {
      operations.push(op("write", { path: `${level}/cgroup.type`, data: "threaded" }, why));
    }
    if (level !== dir) operations.push(...enable(level, controllers ?? [], files));
  }
  return { operations, controllers, threaded: type === "threaded" || type === "domain invalid" };
}

function refuseDomain(resources: OciResources, dir: string, type: string): void {
  if (!needsDomain(resources)) return;
  throw new SampanError(
    "failed_precondition",
    `cannot set linux.resources: cgroup "${dir}" is of type "${type}", limits of memory, io, cpu and hugetlb need type "domain"`,
  );
}

/** All that are missing in one write; if one of them cannot be had, one by one, so that the others are. */
function enable(level: string, controllers: readonly string[], files: CgroupFiles): Operation[] {
  const enabled = namesIn(files.read(`${level}/cgroup.subtree_control`)) ?? [];
  const missing = controllers.filter((name) => !enabled.includes(name)).map((name) => `+${name}`);
  if (missing.length === 0) return [];
  const path = `${level}/cgroup.subtree_control`;
  const write = (data: string): Operation => op("write", { path, data }, why, { errnos: "any" });
  return firstOr(level, write(missing.join(" ")), "any", missing.map(write));
}

function namesIn(text: string | undefined): string[] | undefined {
  return text?.split(/\s+/).filter((name) => name !== "");
}
