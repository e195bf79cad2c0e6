/** Namespaces and leases. */
import type { Strategy } from "../../resource.ts";
import { namedTable } from "../fields/columns.ts";
import { invalid } from "../fields/complaints.ts";
import { at, made, number, text, texts } from "../fields/read.ts";

const nameLabel = "kubernetes.io/metadata.name";
const guard = "kubernetes";

export const namespaceStrategy: Strategy = {
  default({ metadata }) {
    // Absent until a generated name is known.
    if (metadata.name) metadata.labels = { ...metadata.labels, [nameLabel]: metadata.name };
  },
  prepareForCreate(namespace) {
    const { name = "", labels } = namespace.metadata;
    namespace.metadata.labels = { ...labels, [nameLabel]: name };
    const spec = made(namespace, "spec");
    const finalizers = texts(spec.finalizers);
    // Its contents go before it does.
    spec.finalizers = finalizers.includes(guard) ? finalizers : [...finalizers, guard];
    namespace.status = { phase: "Active" };
  },
  selectableFields: ({ status }) => ({ "status.phase": text(at(status).phase) }),
};

export const namespaceTable = namedTable([
  { name: "Status", description: "Active or Terminating.", cell: ({ status }) => text(at(status).phase) },
]);

export const leaseStrategy: Strategy = {
  validate({ spec }) {
    const { leaseDurationSeconds: seconds, leaseTransitions } = at(spec);
    return [
      ...(typeof seconds === "number" && seconds <= 0
        ? [invalid("spec.leaseDurationSeconds", seconds, "must be greater than 0")]
        : []),
      ...(number(leaseTransitions) < 0
        ? [invalid("spec.leaseTransitions", leaseTransitions, "must be greater than or equal to 0")]
        : []),
    ];
  },
};

export const leaseTable = namedTable([
  { name: "Holder", description: "Who holds it.", cell: ({ spec }) => text(at(spec).holderIdentity) },
]);
