/** core/v1 NodeSelector: whether a node is among those that are wanted. Pure. https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/#node-affinity */
import type { KubeObject } from "../../../../spec/kubernetes/kube.ts";
import type { NodeRequirement, NodeSelector } from "../../../../spec/kubernetes/pod.ts";

/** Any term, each with all of what it says; an empty one is nobody. `node` may not be known yet: then it has its name alone. */
export function isOnNode(
  { nodeSelectorTerms = [] }: NodeSelector,
  name: string,
  node: KubeObject | undefined,
): boolean {
  const labels = new Map(Object.entries({ "kubernetes.io/hostname": name, ...node?.metadata.labels }));
  const fields = new Map([["metadata.name", name]]);
  return nodeSelectorTerms.some(({ matchExpressions = [], matchFields = [] }) => {
    if (matchExpressions.length + matchFields.length === 0) return false;
    return (
      matchExpressions.every((each) => holds(each, labels)) &&
      matchFields.every((each) => holds(each, fields))
    );
  });
}

function holds({ key, operator, values = [] }: NodeRequirement, has: ReadonlyMap<string, string>): boolean {
  const value = has.get(key);
  const [first = ""] = values;
  const compared = Number(value) - Number(first);
  switch (operator) {
    case "In":
      return value !== undefined && values.includes(value);
    case "NotIn":
      return value === undefined || !values.includes(value);
    case "Exists":
      return value !== undefined;
    case "DoesNotExist":
      return value === undefined;
    case "Gt":
      return value !== undefined && compared > 0;
    case "Lt":
      return value !== undefined && compared < 0;
    default:
      return false;
  }
}
