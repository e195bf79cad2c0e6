/** What the limits of v1 and v2 share: the list of writes that is built, and how values become text. */
import { invalid, SampanError } from "../../../base/errors.ts";
import { errno } from "../../../kernel/errno.ts";
import type { Int } from "../../../spec/oci/config.ts";
import { op, type Operation, type Tolerance } from "../plan/operations.ts";

const { ENOENT, EEXIST } = errno;

/** Writes to the files of one container's cgroups, in order. */
export class LimitWrites {
  readonly operations: Operation[] = [];
  readonly #dirs: Readonly<Record<string, string>>;

  /** `dirs` are by controller; on v2 all are the one at "". */
  constructor(dirs: Readonly<Record<string, string>>) {
    this.#dirs = dirs;
  }

  /** Errors: `failed_precondition` naming the field, when the controller is not mounted or could not be had. */
  dir(controller: string, field: string): string {
    const dir = this.#dirs[controller];
    if (dir !== undefined) return dir;
    throw new SampanError(
      "failed_precondition",
      `cannot set linux.resources.${field}: the container has no "${controller}" cgroup (the hierarchy is not mounted, or may not be written)`,
    );
  }

  /** `field` is below linux.resources. */
  write(controller: string, file: string, data: Int | string, field: string, tolerate?: Tolerance): void {
    const path = `${this.dir(controller, field)}/${file}`;
    this.operations.push(op("write", { path, data: String(data) }, `linux.resources.${field}`, tolerate));
  }

  /** The first file if it is there, else the second. */
  either(controller: string, first: FileData, second: FileData, field: string): void {
    const dir = this.dir(controller, field);
    const why = `linux.resources.${field}`;
    const write = ({ file, data }: FileData, tolerate?: Tolerance): Operation =>
      op("write", { path: `${dir}/${file}`, data: String(data) }, why, tolerate);
    this.operations.push(...firstOr(dir, write(first), [ENOENT], [write(second)]));
  }
}

interface FileData {
  readonly file: string;
  readonly data: Int | string;
}

/**
 * The operation, and the others only when it fails with one of these errnos. A plan has no jumps but the skipping behind a tolerated
 * failure, so a directory that is there is made again: that fails for sure, and skips the others.
 */
export function firstOr(
  dir: string,
  first: Operation,
  errnos: Tolerance["errnos"],
  others: readonly Operation[],
): Operation[] {
  const skip = op("mkdir", { path: dir }, `${first.why}: skips what would be done otherwise`, {
    errnos: [EEXIST],
    skip: others.length,
  });
  return [{ ...first, tolerate: { errnos, skip: 1 } }, skip, ...others];
}

/** For most limits 0 means the same as left out, as in runc. */
export function isSet(value: Int | undefined): value is Int {
  return value !== undefined && Number(value) !== 0;
}

/** cpu.shares is 2 to 2^18 (MIN_SHARES and MAX_SHARES in kernel/sched/sched.h); the kernel would clamp in silence, runc refuses. */
export function checkShares(shares: number): void {
  if (shares >= 2 && shares <= 262144) return;
  throw invalid(`cannot set linux.resources.cpu.shares ${shares}: a number from 2 to 262144 was wanted`);
}

/** `8:0 1000` */
export function ofDevice(device: { major: number; minor: number }, value: Int | string): string {
  return `${device.major}:${device.minor} ${value}`;
}

/** The four throttles of blockIO with their v1 files and v2 keys. */
export const throttles = [
  { field: "throttleReadBpsDevice", file: "blkio.throttle.read_bps_device", key: "rbps" },
  { field: "throttleWriteBpsDevice", file: "blkio.throttle.write_bps_device", key: "wbps" },
  { field: "throttleReadIOPSDevice", file: "blkio.throttle.read_iops_device", key: "riops" },
  { field: "throttleWriteIOPSDevice", file: "blkio.throttle.write_iops_device", key: "wiops" },
] as const;

/** rdma.max: `mlx5_0 hca_handle=2 hca_object=2000` (Documentation/admin-guide/cgroup-v2.rst, "RDMA"). */
export function rdmaText(device: string, limit: { hcaHandles?: number; hcaObjects?: number }): string {
  const handles = limit.hcaHandles === undefined ? "" : ` hca_handle=${limit.hcaHandles}`;
  const objects = limit.hcaObjects === undefined ? "" : ` hca_object=${limit.hcaObjects}`;
  return `${device}${handles}${objects}`;
}
