/** What makes pods. */
import type { KindRow } from "../builtin.ts";

const scale = {
  spec: ".spec.replicas",
  status: ".status.replicas",
  selector: ".status.selector",
} as const;

export const workloadKinds: readonly KindRow[] = [
  {
    package: "apps",
    kind: "Deployment",
    shortNames: ["deploy"],
    inAll: true,
    status: true,
    generation: true,
    scale,
  },
  {
    package: "apps",
    kind: "ReplicaSet",
    shortNames: ["rs"],
    inAll: true,
    status: true,
    generation: true,
    scale,
  },
  { package: "apps", kind: "DaemonSet", shortNames: ["ds"], inAll: true, status: true, generation: true },
  { package: "apps", kind: "ControllerRevision" },
  { package: "batch", kind: "Job", inAll: true, status: true, generation: true },
];
