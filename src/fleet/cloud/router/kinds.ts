import type { ResourceId } from "../../../spec/kubernetes/kube.ts";

const group = "rules.kubeedge.io";
export const rules: ResourceId = { group, version: "v1", resource: "rules" };
export const endpoints: ResourceId = { group, version: "v1", resource: "ruleendpoints" };
export const nodes: ResourceId = { group: "", version: "v1", resource: "nodes" };
