/** Claims: https://kubernetes.io/docs/reference/kubernetes-api/config-and-storage-resources/persistent-volume-claim-v1/ */
import type { Strategy } from "../../resource.ts";
import { namedTable } from "../fields/columns.ts";
import { forbidden, invalid, required } from "../fields/complaints.ts";
import { same } from "../fields/metadata.ts";
import { at, made, text, type Fields } from "../fields/read.ts";
import { selectorCauses } from "../fields/selectors.ts";
import { nanoOf } from "../../../../../spec/kubernetes/quantity.ts";
import { defaultClassOf } from "./classes.ts";
import { modeCauses, modeText, unset } from "./modes.ts";

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
