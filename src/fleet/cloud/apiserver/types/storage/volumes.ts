/** Persistent volumes: https://kubernetes.io/docs/reference/kubernetes-api/config-and-storage-resources/persistent-volume-v1/ */
import type { Strategy } from "../../resource.ts";
import { namedTable } from "../fields/columns.ts";
import { forbidden, invalid, required } from "../fields/complaints.ts";
import { same } from "../fields/metadata.ts";
import { at, give, isFields, made, text, type Fields } from "../fields/read.ts";
import { backstepCauses } from "../pods/paths.ts";
import { nodeSelectorCauses } from "../pods/placement.ts";
import { nanoOf } from "../../../../../spec/kubernetes/quantity.ts";
import { immutableCauses } from "../workloads/counts.ts";
import { modeCauses, modeText, unset } from "./modes.ts";

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
