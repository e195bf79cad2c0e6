/** Storage classes, and which of them is for claims that name none. */
import type { KubeObject } from "../../../kube.ts";
import type { Strategy, StrategyContext, Table } from "../../resource.ts";
import { namedTable } from "../fields/columns.ts";
import { forbidden, required } from "../fields/complaints.ts";
import { same } from "../fields/metadata.ts";
import { text } from "../fields/read.ts";
import { immutableCauses } from "../workloads/counts.ts";
import { unset } from "./modes.ts";

const defaultClass = "storageclass.kubernetes.io/is-default-class";

/** Remembered beside the objects, since only names can be looked up within a write. */
const usualRecord = { resource: "defaults/storageclasses", name: "default" } as const;

/** The class, while it is there and still says so. */
export function defaultClassOf(context: StrategyContext): string | undefined {
  const name = text(context.find(usualRecord.resource, "", usualRecord.name)?.class);
  const found = name === "" ? undefined : context.find("storage.k8s.io/storageclasses", "", name);
  return found?.metadata.annotations?.[defaultClass] === "true" ? name : undefined;
}

function keepDefaultClass({ metadata }: KubeObject, context: StrategyContext): void {
  if (metadata.annotations?.[defaultClass] !== "true") return;
  if (context.find(usualRecord.resource, "", usualRecord.name)?.class === metadata.name) return;
  context.keep(usualRecord.resource, usualRecord.name, {
    apiVersion: "sampan/v1",
    kind: "Default",
    metadata: { name: usualRecord.name },
    class: metadata.name,
  });
}

export const classStrategy: Strategy = {
  prepareForCreate: keepDefaultClass,
  prepareForUpdate: (object, _old, context) => keepDefaultClass(object, context),
  validate: ({ provisioner }) => (provisioner === "" ? [required("provisioner")] : []),
  validateUpdate(object, old) {
    return ["provisioner", "parameters", "reclaimPolicy", "volumeBindingMode"].flatMap((name) =>
      same(object[name], old[name])
        ? []
        : name === "parameters"
          ? [forbidden(name, "updates to parameters are forbidden.")]
          : name === "provisioner"
            ? [forbidden(name, "updates to provisioner are forbidden.")]
            : immutableCauses(object, old, [name]),
    );
  },
};

const plainClassTable = namedTable([
  {
    name: "Provisioner",
    description: "Who makes its volumes.",
    cell: ({ provisioner }) => text(provisioner),
  },
  {
    name: "ReclaimPolicy",
    description: "What happens after a claim.",
    cell: ({ reclaimPolicy }) => text(reclaimPolicy) || "Delete",
  },
  {
    name: "VolumeBindingMode",
    description: "When a volume is chosen.",
    cell: ({ volumeBindingMode }) => text(volumeBindingMode) || unset,
  },
  {
    name: "AllowVolumeExpansion",
    type: "string",
    description: "Whether claims may grow.",
    cell: ({ allowVolumeExpansion }) => allowVolumeExpansion === true,
  },
]);

/** The default class is marked at its name. */
export const classTable: Table = {
  columns: plainClassTable.columns,
  cells(object, now) {
    const [name, ...rest] = plainClassTable.cells(object, now);
    return [
      object.metadata.annotations?.[defaultClass] === "true" ? `${text(name)} (default)` : name,
      ...rest,
    ];
  },
};
