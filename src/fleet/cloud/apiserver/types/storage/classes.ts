/** Storage classes, and which of them is for claims that name none. */
import type { Strategy, StrategyContext, Table } from "../../resource.ts";
import { namedTable } from "../fields/columns.ts";
import { forbidden, required } from "../fields/complaints.ts";
import { same } from "../fields/metadata.ts";
import { text } from "../fields/read.ts";
import { remember, rememberedIn, type Remembered } from "../fields/remembered.ts";
import { immutableCauses } from "../workloads/counts.ts";
import { unset } from "./modes.ts";

const defaultClass = "storageclass.kubernetes.io/is-default-class";

const usual: Remembered = {
  of: "storage.k8s.io/storageclasses",
  at: { resource: "defaults/storageclasses", name: "default" },
  isMeant: ({ metadata }) => metadata.annotations?.[defaultClass] === "true",
};

/** The class's name, while it is there and still says so. */
export function defaultClassOf(context: StrategyContext): string | undefined {
  return rememberedIn(context, usual)?.metadata.name;
}

export const classStrategy: Strategy = {
  prepareForCreate: (object, context) => remember(context, object, usual),
  prepareForUpdate: (object, _old, context) => remember(context, object, usual),
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
    return [usual.isMeant(object) ? `${text(name)} (default)` : name, ...rest];
  },
};
