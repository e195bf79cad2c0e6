/** Which object of a kind stands for all who name none: remembered beside the objects, since only names can be looked up within a write. */
import type { KubeObject } from "../../../../../spec/kubernetes/kube.ts";
import type { StrategyContext } from "../../resource.ts";
import { text } from "./read.ts";

export interface Remembered {
  /** Whose objects: `storage.k8s.io/storageclasses`. */
  readonly of: string;
  /** Where its name is kept. */
  readonly at: { readonly resource: string; readonly name: string };
  /** Whether an object says of itself that it is the one. */
  readonly isMeant: (object: KubeObject) => boolean;
}

/** The object, while it is there and still says so. */
export function rememberedIn(
  context: Pick<StrategyContext, "find">,
  { of, at, isMeant }: Remembered,
): KubeObject | undefined {
  const kept = context.find(at.resource, "", at.name);
  const found = kept && context.find(of, "", text(kept.class));
  return found && isMeant(found) ? found : undefined;
}

/** Nothing is kept of one that does not say it. */
export function remember(
  context: Pick<StrategyContext, "find" | "keep">,
  object: KubeObject,
  { at, isMeant }: Remembered,
): void {
  const { name } = object.metadata;
  if (!isMeant(object) || context.find(at.resource, "", at.name)?.class === name) return;
  context.keep(at.resource, at.name, {
    apiVersion: "sampan/v1",
    kind: "Default",
    metadata: { name: at.name },
    class: name,
  });
}
