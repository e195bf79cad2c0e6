/**
 * Who goes for a pod that the node cannot do without, where there is no room for both. Pure. Only the scheduler of the cloud does so for others. https://kubernetes.io/docs/tasks/administer-cluster/guaranteed-scheduling-critical-addon-pods/
 */
import type { Pod } from "../../../spec/kubernetes/pod.ts";
import { isCritical, missing, type Room } from "./admission.ts";
import { qosClass } from "./qos.ts";

const classes = ["BestEffort", "Burstable", "Guaranteed"] as const;

/** None when there is room, and none when all of them together would not make it. */
export function preempted(
  pod: Pod,
  { allocatable, others }: Pick<Room, "allocatable" | "others">,
  isStatic: (pod: Pod) => boolean,
): readonly Pod[] {
  const fits = (gone: ReadonlySet<Pod>) =>
    missing(pod, { allocatable, others: others.filter((each) => !gone.has(each)) }) === undefined;
  const gone = new Set<Pod>();
  const leastFirst = others.filter((each) => !isStatic(each) && !isCritical(each)).toSorted(byWeight);
  for (const each of leastFirst) {
    if (fits(gone)) break;
    gone.add(each);
  }
  if (!fits(gone)) return [];
  // Who asked for nothing of what is missing stays, and who matters most is asked first.
  for (const each of [...gone].toReversed()) {
    gone.delete(each);
    if (!fits(gone)) gone.add(each);
  }
  return leastFirst.filter((each) => gone.has(each));
}

function byWeight(a: Pod, b: Pod): number {
  const rank = (pod: Pod) => classes.indexOf(qosClass(pod));
  return (a.spec.priority ?? 0) - (b.spec.priority ?? 0) || rank(a) - rank(b);
}
