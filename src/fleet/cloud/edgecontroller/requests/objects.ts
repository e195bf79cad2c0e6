/** What a node asks for because its pods refer to it: config maps, secrets, claims and volumes, tokens. */
import { SampanError } from "../../../../base/errors.ts";
import { notFound } from "../../../../spec/kubernetes/errors.ts";
import { KubeError, type KubeObject, type ResourceId } from "../../../../spec/kubernetes/kube.ts";
import { tokenQuery } from "../../../link/kinds/tokens.ts";
import type { Informer } from "../../informer/informer.ts";
import { ids, named, typed } from "../ids.ts";
import type { Referred } from "../inventory.ts";
import { refuse, type Handler, type Office, type Request } from "../request.ts";
import { areBound, claimOf } from "../volumes.ts";

function requireReference({ inventory }: Office, request: Request, id: ResourceId): void {
  const { node, namespace, name } = request;
  if (!inventory.refers(node, { resource: id.resource as Referred, namespace, name }))
    throw refuse(id, request, `node "${node}" has no pod that refers to it`);
}

/** From what is followed anyway; what is not there is asked for once more, since it may just have been made. */
async function read(
  office: Office,
  { namespace, name, signal }: Request,
  { id, kind, informer }: { id: ResourceId; kind: string; informer: Informer },
): Promise<KubeObject> {
  const place = namespace === "" ? {} : { namespace };
  const found = informer.store.get(namespace || undefined, name);
  return typed(found ?? (await office.client.get(id, { ...place, name }, signal)), kind);
}

export const queryConfigMap: Handler = async (office, request) => {
  requireReference(office, request, ids.configMaps);
  return await read(office, request, { id: ids.configMaps, kind: "ConfigMap", informer: office.configMaps });
};

export const querySecret: Handler = async (office, request) => {
  requireReference(office, request, ids.secrets);
  return await read(office, request, { id: ids.secrets, kind: "Secret", informer: office.secrets });
};

export const queryClaim: Handler = async (office, request) => {
  requireReference(office, request, ids.claims);
  const of = { id: ids.claims, kind: "PersistentVolumeClaim", informer: office.claims };
  return await read(office, request, of);
};

/** Of the cluster, though edges ask for it in `default`. */
export const queryVolume: Handler = async (office, request) => {
  const of = { id: ids.volumes, kind: "PersistentVolume", informer: office.volumes };
  const volume = await read(office, { ...request, namespace: "" }, of).catch((error: unknown) => {
    if (error instanceof KubeError && error.reason === "NotFound") return undefined;
    throw error;
  });
  const reference = claimOf(volume);
  const claim = reference && office.claims.store.get(reference.namespace, reference.name);
  const isOwn =
    volume && claim && areBound(volume, claim) && office.inventory.refers(request.node, reference);
  if (!isOwn) throw refuse(ids.volumes, request, `node "${request.node}" has no pod that refers to it`);
  return volume;
};

export const queryAttachment: Handler = async (office, request) => {
  const { node, name, signal } = request;
  const found = await office.client.get(ids.attachments, { name }, signal);
  if ((found["spec"] as { nodeName?: unknown } | undefined)?.nodeName !== node)
    throw refuse(ids.attachments, request, `it is not of node "${node}"`);
  return typed(found, "VolumeAttachment", "storage.k8s.io/v1");
};

interface Projected {
  readonly projected?: {
    readonly sources?: readonly { readonly serviceAccountToken?: { readonly audience?: string } }[];
  };
}

interface TokenPod {
  readonly serviceAccountName?: string;
  readonly volumes?: readonly Projected[];
}

/** For a service account of a pod of the node, bound to that pod, for audiences that the pod asks for: https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#noderestriction */
export const queryToken: Handler = async (office, request) => {
  const { node, namespace, name, signal } = request;
  const { spec } = tokenQuery.parse(request.envelope.content);
  const no = (why: string): SampanError => refuse(ids.serviceAccounts, request, why);
  const to = spec.boundObjectRef;
  if (to?.kind !== "Pod" || to.apiVersion !== "v1" || !to.name || !to.uid)
    throw no("node requested token not bound to a pod");
  const pod = office.inventory.podOf(node, namespace, to.name);
  if (!pod) throw no("node requested token bound to a pod scheduled on a different node");
  if (pod.metadata.uid !== to.uid) throw notFound(named(ids.pods), to.name);
  const { serviceAccountName = "default", volumes = [] } = pod["spec"] as TokenPod;
  if (serviceAccountName !== name) throw no("node requested token of a service account that its pod has not");
  const asked = spec.audiences ?? [];
  const strange = asked.find((audience) => !audiencesOf(volumes).includes(audience));
  if (strange !== undefined)
    throw no(`audience ${JSON.stringify(strange)} is not found in the pod's volumes`);
  return await office.client.create(
    ids.serviceAccounts,
    {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenRequest",
      metadata: {},
      spec: {
        audiences: [...asked],
        ...(spec.expirationSeconds === undefined ? {} : { expirationSeconds: spec.expirationSeconds }),
        boundObjectRef: { kind: "Pod", apiVersion: "v1", name: to.name, uid: to.uid },
      },
    },
    { subresourceOf: { namespace, name, subresource: "token" }, signal },
  );
};

function audiencesOf(volumes: readonly Projected[]): readonly string[] {
  return volumes.flatMap(({ projected }) =>
    (projected?.sources ?? []).flatMap(({ serviceAccountToken }) =>
      serviceAccountToken?.audience ? [serviceAccountToken.audience] : [],
    ),
  );
}
