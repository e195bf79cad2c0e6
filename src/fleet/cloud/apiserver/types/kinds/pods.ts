/** Pods and what says how they run. */
import type { KindRow } from "../builtin.ts";
import { priorityStrategy, priorityTable, runtimeStrategy, runtimeTable } from "../pods/classes.ts";
import { podTable } from "../pods/columns.ts";
import { podStrategy } from "../pods/strategy.ts";

const stream = { kind: "PodProxyOptions", group: "", version: "v1" };

export const podKinds: readonly KindRow[] = [
  {
    package: "core",
    kind: "Pod",
    shortNames: ["po"],
    inAll: true,
    status: true,
    generation: true,
    strategy: podStrategy,
    table: podTable,
    subresources: [
      { name: "binding", kind: "Binding", group: "", version: "v1", verbs: ["create"] },
      { name: "eviction", kind: "Eviction", group: "policy", version: "v1", verbs: ["create"] },
      {
        name: "ephemeralcontainers",
        kind: "Pod",
        group: "",
        version: "v1",
        verbs: ["get", "patch", "update"],
      },
      { name: "log", kind: "Pod", group: "", version: "v1", verbs: ["get"] },
      { ...stream, name: "exec", kind: "PodExecOptions", verbs: ["create", "get"] },
      { ...stream, name: "attach", kind: "PodAttachOptions", verbs: ["create", "get"] },
      { ...stream, name: "portforward", kind: "PodPortForwardOptions", verbs: ["create", "get"] },
    ],
  },
  {
    package: "node",
    kind: "RuntimeClass",
    plural: "runtimeclasses",
    namespaced: false,
    strategy: runtimeStrategy,
    table: runtimeTable,
  },
  {
    package: "scheduling",
    kind: "PriorityClass",
    plural: "priorityclasses",
    shortNames: ["pc"],
    namespaced: false,
    generation: true,
    strategy: priorityStrategy,
    table: priorityTable,
  },
];
