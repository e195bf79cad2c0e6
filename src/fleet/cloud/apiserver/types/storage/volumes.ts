/** Volumes, claims and classes. */
import type { KubeObject, StatusCause } from "../../../kube.ts";
import type { Strategy, StrategyContext, Table } from "../../resource.ts";
import { namedTable } from "../fields/columns.ts";
import { forbidden, invalid, required } from "../fields/complaints.ts";
import { same } from "../fields/metadata.ts";
import { at, give, isFields, made, text, texts, type Fields } from "../fields/read.ts";
import { selectorCauses } from "../fields/selectors.ts";
import { backstepCauses } from "../pods/paths.ts";
import { nodeSelectorCauses } from "../pods/placement.ts";
import { nanoOf } from "../quantity.ts";
import { immutableCauses } from "../workloads/counts.ts";

const unset = "<unset>";
const shortModes: Readonly<Record<string, string>> = {
  ReadWriteOnce: "RWO",
  ReadOnlyMany: "ROX",
  ReadWriteMany: "RWX",
  ReadWriteOncePod: "RWOP",
};
const modes = Object.keys(shortModes);
const modeText = (given: unknown): string =>
  texts(given)
    .map((mode) => shortModes[mode] ?? mode)
    .join(",");

function modeCauses(given: unknown): StatusCause[] {
  const own = texts(given);
  if (own.length === 0) return [required("spec.accessModes", "at least 1 access mode is required")];
  return own
    .filter((mode) => !modes.includes(mode))
    .map((mode) => ({
      reason: "FieldValueNotSupported",
      message: `Unsupported value: ${JSON.stringify(mode)}: supported values: ${[...modes]
        .sort()
        .map((name) => JSON.stringify(name))
        .join(", ")}`,
      field: "spec.accessModes",
    }));
}

/** Fields of a volume that are no source of storage. */
const noSource = [
  "accessModes",
  "capacity",
  "claimRef",
  "mountOptions",
  "nodeAffinity",
  "persistentVolumeReclaimPolicy",
  "storageClassName",
  "volumeAttributesClassName",
  "volumeMode",
];
const sourcesOf = (spec: Fields): string[] =>
  Object.keys(spec).filter((name) => !noSource.includes(name) && isFields(spec[name]));

export const volumeStrategy: Strategy = {
  default(volume) {
    const spec = made(volume, "spec");
    if (isFields(spec.hostPath)) give(spec.hostPath, "type", "");
  },
  prepareForCreate(volume, { now }) {
    volume.status = { phase: "Pending", lastPhaseTransitionTime: now };
  },
  prepareForUpdate(volume, old, { now, subresource }) {
    if (subresource !== "status" || at(volume.status).phase === at(old.status).phase) return;
    made(volume, "status").lastPhaseTransitionTime = now;
  },
  validate({ spec: given }) {
    const spec = at(given);
    const [first, ...more] = sourcesOf(spec);
    const size = at(spec.capacity).storage;
    const { hostPath, local } = spec;
    return [
      ...modeCauses(spec.accessModes),
      ...(Object.keys(at(spec.capacity)).length === 0 ? [required("spec.capacity")] : []),
      ...(size !== undefined && nanoOf(size) <= 0n
        ? [invalid("spec.capacity[storage]", size, "must be greater than zero")]
        : []),
      ...(first === undefined ? [required("spec", "must specify a volume type")] : []),
      ...more.map((name) => forbidden(`spec.${name}`, "may not specify more than 1 volume type")),
      ...(at(hostPath).path === "" ? [required("spec.hostPath.path")] : []),
      ...backstepCauses(at(hostPath).path, "spec.hostPath.path"),
      ...(at(local).path === "" ? [required("spec.local.path")] : []),
      ...backstepCauses(at(local).path, "spec.local.path"),
      ...(isFields(local) && !isFields(at(spec.nodeAffinity).required)
        ? [required("spec.nodeAffinity", "Local volume requires node affinity")]
        : []),
      ...nodeSelectorCauses(at(spec.nodeAffinity).required, "spec.nodeAffinity.required"),
    ];
  },
  validateUpdate({ spec }, { spec: old }) {
    const source = (value: unknown): Fields =>
      Object.fromEntries(sourcesOf(at(value)).map((name) => [name, at(value)[name]]));
    return [
      ...(same(source(spec), source(old))
        ? []
        : [
            forbidden(
              "spec.persistentvolumesource",
              "spec.persistentvolumesource is immutable after creation",
            ),
          ]),
      ...immutableCauses({ spec }, { spec: old }, ["spec.volumeMode"]),
      ...(at(old).nodeAffinity === undefined
        ? []
        : immutableCauses({ spec }, { spec: old }, ["spec.nodeAffinity"])),
    ];
  },
};

export const volumeTable = namedTable([
  { name: "Capacity", description: "Its size.", cell: ({ spec }) => text(at(spec, "capacity").storage) },
  {
    name: "Access Modes",
    description: "How it can be mounted.",
    cell: ({ spec }) => modeText(at(spec).accessModes),
  },
  {
    name: "Reclaim Policy",
    description: "What happens after its claim.",
    cell: ({ spec }) => text(at(spec).persistentVolumeReclaimPolicy),
  },
  {
    name: "Status",
    description: "Whether it is free.",
    cell: ({ metadata, status }) => (metadata.deletionTimestamp ? "Terminating" : text(at(status).phase)),
  },
  {
    name: "Claim",
    description: "The claim that has it.",
    cell: ({ spec }) => {
      const { namespace, name } = at(spec, "claimRef");
      return text(name) === "" ? "" : `${text(namespace)}/${text(name)}`;
    },
  },
  { name: "StorageClass", description: "Its class.", cell: ({ spec }) => text(at(spec).storageClassName) },
  {
    name: "VolumeAttributesClass",
    description: "The class of its attributes.",
    cell: ({ spec }) => text(at(spec).volumeAttributesClassName) || unset,
  },
  { name: "Reason", description: "Why, in a word.", cell: ({ status }) => text(at(status).reason) },
  {
    name: "VolumeMode",
    wide: true,
    description: "Files or blocks.",
    cell: ({ spec }) => text(at(spec).volumeMode) || unset,
  },
]);

const classAnnotation = "volume.beta.kubernetes.io/storage-class";

export const claimStrategy: Strategy = {
  prepareForCreate(claim, context) {
    const spec = made(claim, "spec");
    // A claim that names no class, not even "", gets the usual one.
    const usual = spec.storageClassName === undefined ? defaultClassOf(context) : undefined;
    if (usual && claim.metadata.annotations?.[classAnnotation] === undefined) spec.storageClassName = usual;
    claim.status = { phase: "Pending" };
  },
  validate({ spec: given }) {
    const spec = at(given);
    const size = at(spec, "resources", "requests").storage;
    return [
      ...modeCauses(spec.accessModes),
      ...selectorCauses(spec.selector, "spec.selector"),
      ...(size === undefined
        ? [required("spec.resources[storage]")]
        : nanoOf(size) <= 0n
          ? [invalid("spec.resources[storage]", size, "must be greater than zero")]
          : []),
    ];
  },
  validateUpdate({ spec, status }, { spec: old }) {
    const fixed = (value: unknown): Fields => {
      const { resources: _resources, volumeName, storageClassName, ...rest } = at(value);
      return {
        ...rest,
        ...(text(at(old).volumeName) === "" ? {} : { volumeName }),
        ...(at(old).storageClassName === undefined ? {} : { storageClassName }),
      };
    };
    const sizeOf = (value: unknown): bigint => nanoOf(at(value, "resources", "requests").storage);
    const bound = at(status).phase === "Bound";
    return [
      ...(same(fixed(spec), fixed(old)) && (bound || sizeOf(spec) === sizeOf(old))
        ? []
        : [
            forbidden(
              "spec",
              "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims",
            ),
          ]),
      ...(sizeOf(spec) < sizeOf(old)
        ? [forbidden("spec.resources.requests.storage", "field can not be less than status.capacity")]
        : []),
    ];
  },
};

export const claimTable = namedTable([
  {
    name: "Status",
    description: "Whether it has a volume.",
    cell: ({ metadata, status }) => (metadata.deletionTimestamp ? "Terminating" : text(at(status).phase)),
  },
  { name: "Volume", description: "Its volume.", cell: ({ spec }) => text(at(spec).volumeName) },
  {
    name: "Capacity",
    description: "The volume's size.",
    cell: ({ spec, status }) =>
      text(at(spec).volumeName) === "" ? "" : text(at(status, "capacity").storage),
  },
  {
    name: "Access Modes",
    description: "How the volume can be mounted.",
    cell: ({ spec, status }) => (text(at(spec).volumeName) === "" ? "" : modeText(at(status).accessModes)),
  },
  {
    name: "StorageClass",
    description: "The class that is wanted.",
    cell: ({ metadata, spec }) => metadata.annotations?.[classAnnotation] ?? text(at(spec).storageClassName),
  },
  {
    name: "VolumeAttributesClass",
    description: "The class of its attributes.",
    cell: ({ spec }) => text(at(spec).volumeAttributesClassName) || unset,
  },
  {
    name: "VolumeMode",
    wide: true,
    description: "Files or blocks.",
    cell: ({ spec }) => text(at(spec).volumeMode) || unset,
  },
]);

const defaultClass = "storageclass.kubernetes.io/is-default-class";

/** Remembered beside the objects, since only names can be looked up within a write; counts while the class is there and still says so. */
const usualRecord = { resource: "defaults/storageclasses", name: "default" } as const;

function defaultClassOf(context: StrategyContext): string | undefined {
  const name = text(context.find(usualRecord.resource, "", usualRecord.name)?.class);
  const found = name === "" ? undefined : context.find("storage.k8s.io/storageclasses", "", name);
  return found?.metadata.annotations?.[defaultClass] === "true" ? name : undefined;
}

function keepDefaultClass({ metadata }: KubeObject, context: StrategyContext): void {
  if (metadata.annotations?.[defaultClass] !== "true") return;
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
