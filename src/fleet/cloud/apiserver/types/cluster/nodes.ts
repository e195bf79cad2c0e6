/** Nodes: https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/node-v1/ */
import type { StatusCause } from "../../../../../spec/kubernetes/kube.ts";
import type { Strategy } from "../../resource.ts";
import { namedTable, type ColumnRow } from "../fields/columns.ts";
import { duplicate, forbidden, invalid, required } from "../fields/complaints.ts";
import { isBlock, labelValue, qualified } from "../fields/names.ts";
import { at, entries, made, text, texts } from "../fields/read.ts";
import { same } from "../fields/metadata.ts";

const notReady = { key: "node.kubernetes.io/not-ready", effect: "NoSchedule" } as const;

export const nodeStrategy: Strategy = {
  default(node) {
    const spec = made(node, "spec");
    // The older field and the newer one say the same.
    if (text(spec.podCIDR) !== "" && texts(spec.podCIDRs).length === 0) spec.podCIDRs = [spec.podCIDR];
    if (text(spec.podCIDR) === "" && texts(spec.podCIDRs).length > 0) spec.podCIDR = texts(spec.podCIDRs)[0];
    const status = node.status === undefined ? {} : made(node, "status");
    if (status.capacity !== undefined && status.allocatable === undefined)
      status.allocatable = structuredClone(status.capacity);
  },
  prepareForCreate(node) {
    const spec = made(node, "spec");
    const taints = entries(spec.taints);
    // Until somebody has looked at its conditions no pod comes to it.
    if (taints.some(({ key, effect }) => key === notReady.key && effect === notReady.effect)) return;
    spec.taints = [...taints, { ...notReady }];
  },
  validate({ spec }) {
    return [...taintCauses(at(spec).taints), ...blockCauses(texts(at(spec).podCIDRs))];
  },
  validateUpdate({ spec }, { spec: old }) {
    const { podCIDRs, providerID } = at(old);
    return [
      ...(texts(podCIDRs).length > 0 && !same(podCIDRs, at(spec).podCIDRs)
        ? [forbidden("spec.podCIDRs", 'node updates may not change podCIDR except from "" to valid')]
        : []),
      ...(text(providerID) !== "" && providerID !== at(spec).providerID
        ? [forbidden("spec.providerID", 'node updates may not change providerID except from "" to valid')]
        : []),
    ];
  },
  selectableFields: ({ spec }) => ({ "spec.unschedulable": String(at(spec).unschedulable === true) }),
};

function taintCauses(taints: unknown): StatusCause[] {
  const taken = new Set<string>();
  return entries(taints).flatMap(({ key, value, effect }, index) => {
    const here = `spec.taints[${index}]`;
    const pair = `${text(key)}:${text(effect)}`;
    const twice = taken.has(pair) ? [duplicate(here, { key, value, effect })] : [];
    taken.add(pair);
    return [
      ...(key === ""
        ? [required(`${here}.key`)]
        : qualified(text(key)).map((detail) => invalid(`${here}.key`, key, detail))),
      ...labelValue(text(value)).map((detail) => invalid(`${here}.value`, value, detail)),
      ...twice,
    ];
  });
}

function blockCauses(blocks: readonly string[]): StatusCause[] {
  return blocks.flatMap((block, index) =>
    isBlock(block)
      ? []
      : [
          invalid(
            `spec.podCIDRs[${index}]`,
            block,
            "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)",
          ),
        ],
  );
}

const unknown = "<unknown>";
const none = "<none>";
const rolePrefix = "node-role.kubernetes.io/";

const info = (name: string, field: string, description: string): ColumnRow => ({
  name,
  wide: true,
  description,
  cell: ({ status }) => text(at(status, "nodeInfo")[field]) || unknown,
});

const address = (name: string, type: string, description: string): ColumnRow => ({
  name,
  wide: true,
  description,
  cell: ({ status }) =>
    text(entries(at(status).addresses).find((each) => each.type === type)?.address) || none,
});

export const nodeTable = namedTable([
  {
    name: "Status",
    description: "Whether it is ready for pods.",
    cell: ({ spec, status }) => {
      const ready = entries(at(status).conditions).find(({ type }) => type === "Ready");
      const word = ready === undefined ? "Unknown" : ready.status === "True" ? "Ready" : "NotReady";
      return at(spec).unschedulable === true ? `${word},SchedulingDisabled` : word;
    },
  },
  {
    name: "Roles",
    description: "What it is for.",
    cell: ({ metadata }) => {
      const labels = Object.entries(metadata.labels ?? {});
      const roles = labels.flatMap(([key, value]) => {
        if (key.startsWith(rolePrefix)) return [key.slice(rolePrefix.length)];
        return key === "kubernetes.io/role" && value !== "" ? [value] : [];
      });
      return (
        roles
          .filter((role) => role !== "")
          .sort()
          .join(",") || none
      );
    },
  },
  {
    name: "Version",
    afterAge: true,
    description: "The version of its kubelet.",
    cell: ({ status }) => text(at(status, "nodeInfo").kubeletVersion),
  },
  address("Internal-IP", "InternalIP", "Its address within the cluster."),
  address("External-IP", "ExternalIP", "Its address from outside."),
  info("OS-Image", "osImage", "Its system."),
  info("Kernel-Version", "kernelVersion", "Its kernel."),
  info("Container-Runtime", "containerRuntimeVersion", "What runs its containers."),
]);
