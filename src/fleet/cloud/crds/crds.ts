/** The CustomResourceDefinitions of the fleet's kinds: names, versions and fields are KubeEdge's, so that what is written for it works unchanged. */
import type { KubeObject } from "../../../spec/kubernetes/kube.ts";
import { appKinds } from "./apps.ts";
import { deviceKinds } from "./devices.ts";
import { definitionOf } from "./kind.ts";
import { operationKinds } from "./operations.ts";
import { ruleKinds } from "./rules.ts";

export function crds(): KubeObject[] {
  return [...deviceKinds, ...ruleKinds, ...appKinds, ...operationKinds].map(definitionOf);
}
