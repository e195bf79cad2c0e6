/** emptyDir: a folder, or a tmpfs with medium Memory. */
import { chmodSync, chownSync, mkdirSync } from "node:fs";
import { invalid } from "../../../../base/errors.ts";
import { isUnknownToKernel, mount } from "../../../../kernel/mounts.ts";
import { MS } from "../../../../kernel/linux.ts";
import type { Pod, Volume } from "../../../../spec/kubernetes/pod.ts";
import { nanoOf, parseQuantity, unitsOf } from "../../../../spec/kubernetes/quantity.ts";
import { shown } from "../pod-error.ts";
import { effective } from "../qos.ts";
import type { NodeFacts } from "../translate.ts";
import { isMountPoint } from "./mount-table.ts";

type EmptyDir = NonNullable<Volume["emptyDir"]>;

export function makeEmptyDir(
  path: string,
  pod: Pod,
  { emptyDir, node }: { emptyDir: EmptyDir; node: Pick<NodeFacts, "memory"> },
): void {
  const { medium = "", sizeLimit } = emptyDir;
  if (medium !== "" && medium !== "Memory")
    throw invalid(`medium ${shown(medium)} is not supported, wanted Memory or none`);
  if (sizeLimit !== undefined && parseQuantity(sizeLimit) === undefined)
    throw invalid(`sizeLimit ${shown(sizeLimit)} is no amount`);
  mkdirSync(path, { recursive: true, mode: 0o777 });
  if (medium === "Memory" && !isMountPoint(path))
    mountMemory(path, { size: memorySize(pod, sizeLimit, node), noSuid: false });
  const group = pod.spec.securityContext?.fsGroup;
  if (group !== undefined) chownSync(path, -1, group);
  chmodSync(path, group === undefined ? 0o777 : 0o2777);
}

/** The least of its own limit, the pod's limit of memory, and what the node has. */
function memorySize(
  { spec }: Pod,
  sizeLimit: EmptyDir["sizeLimit"],
  { memory }: Pick<NodeFacts, "memory">,
): number {
  const containers = [...(spec.initContainers ?? []), ...spec.containers];
  const limit = ({ resources }: (typeof containers)[number]) => nanoOf(resources?.limits?.["memory"]);
  const isLimited = containers.every((each) => limit(each) > 0n);
  const whole = isLimited ? Number(effective(spec, limit) / 1_000_000_000n) : memory;
  const own = unitsOf(sizeLimit ?? 0);
  return Math.min(own > 0 ? own : memory, whole, memory);
}

/** Without swap where the kernel can (Linux 6.4), so that nothing of it reaches a disk. */
export function mountMemory(
  path: string,
  { size, noSuid }: { readonly size: number; readonly noSuid: boolean },
): void {
  const flags = MS.NODEV | (noSuid ? MS.NOSUID : 0);
  const call = (data: string) => mount({ type: "tmpfs", source: "tmpfs", target: path, flags, data });
  const data = `size=${Math.max(size, 4096)},mode=0755`;
  try {
    call(`${data},noswap`);
  } catch (error) {
    if (!isUnknownToKernel(error)) throw error;
    call(data);
  }
}
