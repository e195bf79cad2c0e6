/** Classes that pods name: how important they are, and what runs them. */
import { KubeError, type StatusCause } from "../../../../../spec/kubernetes/kube.ts";
import type { Strategy, StrategyContext } from "../../resource.ts";
import type { KubeObject } from "../../../../../spec/kubernetes/kube.ts";
import { namedTable } from "../fields/columns.ts";
import { forbidden, invalid, required } from "../fields/complaints.ts";
import { labelCauses } from "../fields/metadata.ts";
import { label } from "../fields/names.ts";
import { at, give, number, text } from "../fields/read.ts";
import { remember, rememberedIn } from "../fields/remembered.ts";
import { immutableCauses } from "../workloads/counts.ts";
import { globalDefault } from "./default-class.ts";

/** The most that a class of a user may be worth. */
const most = 1_000_000_000;
const system = "system-";
const ofSystem = ["system-node-critical", "system-cluster-critical"];

export const priorityStrategy: Strategy = {
  default(object) {
    give(object, "preemptionPolicy", "PreemptLowerPriority");
  },
  prepareForCreate: claimDefault,
  prepareForUpdate: (object, _old, context) => claimDefault(object, context),
  validate({ metadata, value }) {
    const { name = "" } = metadata;
    if (ofSystem.includes(name)) return [];
    return [
      ...(name.startsWith(system)
        ? [
            forbidden(
              "metadata.name",
              "priority class names with 'system-' prefix are reserved for system use only. error: " +
                `${name} is not a known system priority class`,
            ),
          ]
        : []),
      ...(number(value) > most
        ? [forbidden("value", `maximum allowed value of a user defined priority is ${most}`)]
        : []),
    ];
  },
  validateUpdate(object, old): StatusCause[] {
    return [
      ...(object.value === old.value ? [] : [forbidden("value", "may not be changed in an update.")]),
      ...immutableCauses(object, old, ["preemptionPolicy"]),
    ];
  },
};

/** There is one default at most. */
function claimDefault(object: KubeObject, context: StrategyContext): void {
  if (!globalDefault.isMeant(object)) return;
  const { name = "" } = object.metadata;
  const other = rememberedIn(context, globalDefault)?.metadata.name;
  if (other !== undefined && other !== name) {
    throw new KubeError(
      "Forbidden",
      `priorityclasses.scheduling.k8s.io "${name}" is forbidden: PriorityClass ${other} is already marked as default. Only one default can exist`,
      { name, group: "scheduling.k8s.io", kind: "priorityclasses" },
    );
  }
  remember(context, object, globalDefault);
}

export const priorityTable = namedTable([
  {
    name: "Value",
    type: "integer",
    description: "Higher is more important.",
    cell: ({ value }) => number(value),
  },
  {
    name: "Global-Default",
    type: "boolean",
    description: "Whether it is for pods that name none.",
    cell: ({ globalDefault }) => globalDefault === true,
  },
  {
    name: "PreemptionPolicy",
    afterAge: true,
    description: "Whether pods of lower priority may be put off.",
    cell: ({ preemptionPolicy }) => text(preemptionPolicy),
  },
]);

export const runtimeStrategy: Strategy = {
  validate({ handler, scheduling }) {
    return [
      ...(handler === ""
        ? [required("handler")]
        : label(text(handler)).map((detail) => invalid("handler", handler, detail))),
      ...labelCauses(at(scheduling).nodeSelector, "scheduling.nodeSelector"),
    ];
  },
  validateUpdate: (object, old) => immutableCauses(object, old, ["handler"]),
};

export const runtimeTable = namedTable([
  { name: "Handler", description: "The name that nodes know it by.", cell: ({ handler }) => text(handler) },
]);
