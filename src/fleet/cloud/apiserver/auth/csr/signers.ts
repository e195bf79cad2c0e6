/** The signers of https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/#kubernetes-signers and what each demands. `legacy-unknown` is not among them. */
import type { ReadRequest } from "./request.ts";

export interface Asked {
  readonly request: Omit<ReadRequest, "verify">;
  readonly usages: readonly string[];
  /** Who made the request. */
  readonly username: string;
  readonly groups: readonly string[];
}

export interface Signer {
  readonly usage: "client" | "server";
  /** A text says what is not as the signer demands. */
  readonly refuse: (asked: Asked) => string | undefined;
}

const clientUsages = ["client auth", "digital signature", "key encipherment"];
const servingUsages = ["digital signature", "key encipherment", "server auth"];

export const signers: Readonly<Record<string, Signer>> = {
  "kubernetes.io/kube-apiserver-client": {
    usage: "client",
    refuse: ({ usages, request }) =>
      request.commonName === ""
        ? "the subject has no common name, which is the user's name"
        : wrongUsages(usages, ["client auth"], clientUsages),
  },
  "kubernetes.io/kube-apiserver-client-kubelet": { usage: "client", refuse: refuseKubeletClient },
  "kubernetes.io/kubelet-serving": { usage: "server", refuse: refuseKubeletServing },
};

export function refuseKubeletClient({ request, usages }: Asked): string | undefined {
  const { dns, ip, others } = request;
  if (dns.length + ip.length + others.length > 0) return "no subject alternative names are allowed";
  return wrongNode(request) ?? wrongUsages(usages, ["client auth", "digital signature"], clientUsages);
}

function refuseKubeletServing({ request, usages, username, groups }: Asked): string | undefined {
  if (request.dns.length + request.ip.length === 0) return "at least one DNS name or IP address is required";
  if (request.others.length > 0)
    return "subject alternative names other than DNS names and IP addresses are not allowed";
  // The cloud asks for edges, whose name it has checked: it may do all in any case.
  if (request.commonName !== username && !groups.includes("system:masters"))
    return "a node asks for a certificate of itself alone";
  return wrongNode(request) ?? wrongUsages(usages, ["digital signature", "server auth"], servingUsages);
}

function wrongNode({ organizations, commonName }: Asked["request"]): string | undefined {
  if (organizations.length !== 1 || organizations[0] !== "system:nodes")
    return "the organization must be exactly system:nodes";
  return /^system:node:./.test(commonName) ? undefined : "the common name must be system:node:NAME";
}

function wrongUsages(
  usages: readonly string[],
  needed: readonly string[],
  allowed: readonly string[],
): string | undefined {
  const good =
    needed.every((each) => usages.includes(each)) && usages.every((each) => allowed.includes(each));
  return good ? undefined : `usages must be ${needed.join(", ")} and at most ${allowed.join(", ")}`;
}
