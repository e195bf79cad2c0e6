/** A node's heartbeat. Of two renewals within a third of the lease's time one is written: fleets renew every ten seconds leases that last for forty. */
import { milliseconds } from "../../../../base/clock.ts";
import { notFound } from "../../../../spec/kubernetes/errors.ts";
import type { KubeObject } from "../../../../spec/kubernetes/kube.ts";
import type { Informer } from "../../informer/informer.ts";
import { withoutManagedFields } from "../../informer/lean.ts";
import { leaseChange, leaseRenewal, type Lease, type LeaseSpec } from "../../../link/kinds/leases.ts";
import { requireSameObject } from "../../../link/kinds/kube.ts";
import { ids, named, typed } from "../ids.ts";
import { refuse, type Handler, type Office, type Request } from "../request.ts";

const namespace = "kube-node-lease";
const apiVersion = "coordination.k8s.io/v1";

/** The leases as they were last written for the sessions of this process. */
export class LeaseDesk {
  private readonly written = new WeakMap<object, KubeObject>();
  private readonly following: () => Informer | undefined;

  /** `following`: the informer of leases, if anybody has one; what it keeps is not kept twice. */
  constructor(following: () => Informer | undefined) {
    this.following = following;
  }

  last({ edge }: Request): KubeObject | undefined {
    return this.written.get(edge);
  }

  /** Without what edges have no use for: it would be half of what is sent to an idle one. */
  keep({ edge }: Request, lease: KubeObject): KubeObject {
    const { name = "", resourceVersion } = lease.metadata;
    const known = this.following()?.store.get(namespace, name);
    const isSame = known?.kind === "Lease" && known.metadata.resourceVersion === resourceVersion;
    const kept = isSame ? known : withoutManagedFields(lease);
    this.written.set(edge, kept);
    return kept;
  }

  forget({ edge }: Request): void {
    this.written.delete(edge);
  }
}

function own({ node, namespace: of, name }: Request): void {
  if (of !== namespace || name !== node)
    throw refuse(ids.leases, { name }, `node "${node}" can only use its own lease in ${namespace}`);
}

function read(request: Request): Lease {
  own(request);
  const sent = leaseChange.parse(request.envelope.content);
  requireSameObject({ namespace, type: "lease", name: request.name }, sent);
  return sent;
}

/** The five fields, and no more. */
function specOf({ spec }: Lease): LeaseSpec {
  const fields = [
    "holderIdentity",
    "leaseDurationSeconds",
    "acquireTime",
    "renewTime",
    "leaseTransitions",
  ] as const;
  return Object.fromEntries(
    fields.flatMap((field) => (spec[field] === undefined ? [] : [[field, spec[field]]])),
  );
}

/** Owned by its own node alone, as kubelets say it: with an empty uid before they know their node, which the API refuses. */
function ownersOf({ metadata: { ownerReferences = [] } }: Lease, request: Request, office: Office) {
  const node = office.nodes.store.get(undefined, request.node);
  return ownerReferences.map(({ apiVersion: version, kind, name, uid = "" }) => {
    const good = version === "v1" && kind === "Node" && name === request.node;
    if (!good || (uid !== "" && node !== undefined && uid !== node.metadata.uid))
      throw refuse(ids.leases, request, `a node's lease is owned by its node alone`);
    return { apiVersion: version, kind, name, uid };
  });
}

export const queryLease: Handler = async (office, request) => {
  own(request);
  const found = await office.client.get(ids.leases, { namespace, name: request.name }, request.signal);
  return office.leases.keep(request, typed(found, "Lease", apiVersion));
};

export const insertLease: Handler = async (office, request) => {
  const sent = read(request);
  const lease: KubeObject = {
    apiVersion,
    kind: "Lease",
    metadata: { name: request.name, namespace, ownerReferences: ownersOf(sent, request, office) },
    spec: specOf(sent),
  };
  const made = await office.client.create(ids.leases, lease, { signal: request.signal });
  return office.leases.keep(request, typed(made, "Lease", apiVersion));
};

export const updateLease: Handler = async (office, request) => {
  const sent = read(request);
  const spec = specOf(sent);
  const known = office.leases.last(request) ?? (await queryLease(office, request));
  if (!known) throw notFound(named(ids.leases), request.name);
  const { uid, resourceVersion } = sent.metadata;
  const isSame = (uid ?? "") === known.metadata.uid && resourceVersion === known.metadata.resourceVersion;
  if (isSame && isFresh(known, spec, office)) return { ...known, spec: { ...spec } };
  const { labels, annotations } = known.metadata;
  const lease: KubeObject = {
    apiVersion,
    kind: "Lease",
    metadata: {
      name: request.name,
      namespace,
      ...(uid ? { uid } : {}),
      ...(resourceVersion ? { resourceVersion } : {}),
      ...(labels ? { labels } : {}),
      ...(annotations ? { annotations } : {}),
      ownerReferences: ownersOf(sent, request, office),
    },
    spec,
  };
  return await write(office, request, lease);
};

/** By its new time alone, for edges of ours. */
export const renewLease: Handler = async (office, request) => {
  own(request);
  const { renewTime } = leaseRenewal.parse(request.envelope.content).spec;
  const known = office.leases.last(request) ?? (await queryLease(office, request));
  if (!known) throw notFound(named(ids.leases), request.name);
  const spec = { ...(known["spec"] as LeaseSpec | undefined), renewTime };
  return isFresh(known, spec, office) ? known : await write(office, request, { ...known, spec });
};

async function write(office: Office, request: Request, lease: KubeObject): Promise<KubeObject> {
  try {
    const written = await office.client.update(ids.leases, lease, { signal: request.signal });
    return office.leases.keep(request, typed(written, "Lease", apiVersion));
  } catch (error) {
    office.leases.forget(request);
    throw error;
  }
}

/** Whether what the API has is renewed enough, and only the time differs. */
function isFresh(known: KubeObject, sent: LeaseSpec, { clock }: Office): boolean {
  const { renewTime: before, ...present } = (known["spec"] ?? {}) as LeaseSpec;
  const { renewTime: now, ...wanted } = sent;
  const age = clock.now() - (milliseconds(before) ?? 0);
  const third = ((present.leaseDurationSeconds ?? 0) * 1000) / 3;
  return now !== undefined && age >= 0 && age < third && Bun.deepEquals(present, wanted);
}
