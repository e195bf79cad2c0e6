/** Which priority class is the one for pods that name none: remembered beside the objects, since only names can be looked up within a write. */
import type { KubeObject } from "../../../kube.ts";
import type { StrategyContext } from "../../resource.ts";
import { text } from "../fields/read.ts";

const record = { resource: "defaults/priorityclasses", name: "global" } as const;

/** The class, while it is there and still says so. */
export function globalDefaultOf(context: Pick<StrategyContext, "find">): KubeObject | undefined {
  const kept = context.find(record.resource, "", record.name);
  const found = kept && context.find("scheduling.k8s.io/priorityclasses", "", text(kept.class));
  return found?.globalDefault === true ? found : undefined;
}

export function keepGlobalDefault(
  { metadata }: KubeObject,
  context: Pick<StrategyContext, "find" | "keep">,
): void {
  if (context.find(record.resource, "", record.name)?.class === metadata.name) return;
  context.keep(record.resource, record.name, {
    apiVersion: "sampan/v1",
    kind: "Default",
    metadata: { name: record.name },
    class: metadata.name,
  });
}
