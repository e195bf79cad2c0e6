/** Certificates for a node's own server (since 1.18), asked for in the node's name by the cloud. Others judge the request; certificates for clients of the API are not to be had this way. */
import type { KubeObject } from "../../../../spec/kubernetes/kube.ts";
import { certificateRequest } from "../../../link/kinds/events.ts";
import { requireSameObject } from "../../../link/kinds/kube.ts";
import { readRequest } from "../../apiserver/auth/csr/request.ts";
import { nodesGroup, nodeUserPrefix } from "../../apiserver/auth/node/names.ts";
import { ids, typed } from "../ids.ts";
import { refuse, type Handler, type Request } from "../request.ts";

const signerName = "kubernetes.io/kubelet-serving";
const apiVersion = "certificates.k8s.io/v1";
const usages: readonly string[] = ["digital signature", "key encipherment", "server auth"];

interface Spec {
  readonly request?: unknown;
  readonly signerName?: unknown;
  readonly usages?: unknown;
  readonly expirationSeconds?: unknown;
}

/** A text says why it is no request of this node for its server. */
function fault(spec: Spec, node: string): string | undefined {
  if (typeof spec.request !== "string") return "it has no request";
  const request = readRequest(spec.request);
  if (typeof request === "string") return request;
  const { commonName, organizations } = request;
  const isOwn = organizations.length === 1 && organizations[0] === nodesGroup;
  return commonName === `${nodeUserPrefix}${node}` && isOwn
    ? undefined
    : `node "${node}" asks for certificates of itself alone`;
}

export const insertCertificateRequest: Handler = async (office, request) => {
  const { name, node, signal } = request;
  const sent = certificateRequest.parse(request.envelope.content);
  requireSameObject({ type: "certificatesigningrequest", name }, sent);
  const spec = (sent["spec"] ?? {}) as Spec;
  const asked = Array.isArray(spec.usages) ? (spec.usages as unknown[]) : [];
  const good = spec.signerName === signerName && asked.every((each) => usages.includes(each as string));
  const why = good ? fault(spec, node) : `a node asks for certificates of its server, by ${signerName}`;
  if (why !== undefined) throw refuse(ids.certificateRequests, request, why);
  office.rates.certificates.take(request.edge);
  const made = await office.client.create(
    ids.certificateRequests,
    {
      apiVersion,
      kind: "CertificateSigningRequest",
      metadata: { name },
      spec: {
        request: spec.request,
        signerName,
        usages: asked,
        ...(typeof spec.expirationSeconds === "number" ? { expirationSeconds: spec.expirationSeconds } : {}),
      },
    },
    { signal },
  );
  return typed(made, "CertificateSigningRequest", apiVersion);
};

export const queryCertificateRequest: Handler = async (office, request) => {
  const { name, signal } = request;
  const found = await office.client.get(ids.certificateRequests, { name }, signal);
  requireOwn(found, request);
  return typed(found, "CertificateSigningRequest", apiVersion);
};

function requireOwn(found: KubeObject, request: Request): void {
  const why = fault((found["spec"] ?? {}) as Spec, request.node);
  if (why !== undefined)
    throw refuse(ids.certificateRequests, request, "a node reads its own requests alone");
}
