/** What the cloud is told of a pod: a strategic merge patch of its status, in which also stands what is no more. Pure. */
import type { Pod, PodStatus } from "../../../spec/kubernetes/pod.ts";

/** Fields that come and go; a merge would keep them. */
const fleeting = ["reason", "message", "podIP", "containerStatuses"] as const;

/** `before`: what was sent last, as far as it is known. */
export function statusPatch(
  { metadata }: Pod,
  status: PodStatus,
  before: PodStatus | undefined,
): Record<string, unknown> {
  const gone: (keyof PodStatus)[] = fleeting.filter(
    (field) => status[field] === undefined && (before === undefined || before[field] !== undefined),
  );
  if (status.initContainerStatuses === undefined && before?.initContainerStatuses !== undefined)
    gone.push("initContainerStatuses");
  return {
    metadata: { uid: metadata.uid },
    status: {
      ...status,
      ...Object.fromEntries(gone.map((field) => [field, null])),
      conditions: status.conditions?.map((each) => ({ reason: null, message: null, ...each })),
      ...addresses("hostIPs", status, before),
      ...addresses("podIPs", status, before),
    },
  };
}

/** Lists that are merged by `ip`. */
function addresses(field: "hostIPs" | "podIPs", status: PodStatus, before: PodStatus | undefined) {
  const now = status[field] ?? [];
  const old = (before?.[field] ?? []).filter(({ ip }) => !now.some((each) => each.ip === ip));
  const all = [...now, ...old.map(({ ip }) => ({ ip, $patch: "delete" }))];
  return all.length === 0 ? {} : { [field]: all };
}
