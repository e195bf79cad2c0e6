/** Leases: an edge's heartbeat. */
import { integer, needed, object, open, optional, time, word } from "../codec.ts";
import { kind } from "./kind.ts";
import { common, type Kube } from "./kube.ts";

export interface LeaseSpec {
  readonly holderIdentity?: string;
  readonly leaseDurationSeconds?: number;
  readonly acquireTime?: string;
  readonly renewTime?: string;
  readonly leaseTransitions?: number;
}

export interface Lease extends Kube {
  readonly spec: LeaseSpec;
}

const spec = open<LeaseSpec>({
  holderIdentity: optional(word),
  leaseDurationSeconds: optional(integer(1, 2 ** 31 - 1)),
  acquireTime: optional(time),
  renewTime: optional(time),
  leaseTransitions: optional(integer(0, 2 ** 31 - 1)),
});

/** Of a lease that is renewed between two of ours: `linkFeatures`. */
export interface LeaseRenewal {
  readonly spec: { readonly renewTime: string };
}

export const leaseRenewal = kind<LeaseRenewal>("lease renewal", {
  way: "up",
  on: { group: "meta", operation: "patch", type: "lease" },
  content: object<LeaseRenewal>({
    spec: needed(object<LeaseRenewal["spec"]>({ renewTime: needed(time) })),
  }),
});

/** Made (`insert`) and renewed (`update`); asked for by a query. */
export const leaseChange = kind<Lease>("lease", {
  way: "up",
  on: { group: "meta", operation: ["insert", "update"], type: "lease" },
  content: open<Lease>({ ...common, spec: needed(spec) }),
});
