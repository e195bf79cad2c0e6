/** Who may connect, by the certificate and the headers alone: pure. */
import { isNodeName } from "../../link/resources.ts";

/** What is told to who is refused, before a WebSocket is made of the connection. */
export interface Refusal {
  readonly status: 400 | 401 | 403 | 404 | 405 | 503;
  readonly reason: string;
}

/** Whom a certificate is of. `legacy`: one that edges before 1.18 made for themselves, of no node. */
export type Identity = { readonly node: string } | "legacy";

/** Names of a certificate's subject as node:crypto writes them, a line each. */
export function identityOf(subject: string): Identity | undefined {
  const lines = subject.split("\n");
  const of = (name: string) =>
    lines.filter((line) => line.startsWith(`${name}=`)).map((line) => line.slice(name.length + 1));
  const [commonName = "", ...more] = of("CN");
  if (more.length > 0) return undefined;
  if (commonName === "kubeedge.io" && of("O").join().toLowerCase() === "kubeedge") return "legacy";
  const node = commonName.startsWith("system:node:") ? commonName.slice("system:node:".length) : "";
  return isNodeName(node) && of("O").includes("system:nodes") ? { node } : undefined;
}

/** Undefined: a certificate of that identity may speak for the node. */
export function refuseIdentity(
  identity: Identity | undefined,
  node: string,
  legacyCertificates: boolean,
): Refusal | undefined {
  if (identity === undefined) return { status: 403, reason: "the certificate is not one of a node" };
  if (identity === "legacy")
    return legacyCertificates
      ? undefined
      : {
          status: 403,
          reason:
            "the certificate names no node: join again, or allow legacy certificates in the cloud's settings",
        };
  return identity.node === node
    ? undefined
    : { status: 403, reason: `the certificate is of node "${identity.node}", not of "${node}"` };
}

export interface Visitor {
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** Of a certificate that was verified; undefined: none, or a bad one. */
  readonly subject: string | undefined;
  /** Why it was not verified. */
  readonly fault?: string | undefined;
}

export type Admission = { readonly node: string } | Refusal;

export function admit({ headers, subject, fault }: Visitor, legacyCertificates: boolean): Admission {
  if (subject === undefined)
    return {
      status: 401,
      reason: `a client certificate of this cloud is needed${fault ? `: ${fault}` : ""}`,
    };
  const node = headers["node_id"];
  if (typeof node !== "string" || !isNodeName(node))
    return { status: 400, reason: "header Node_id is not the name of a node" };
  const use = headers["connectionuse"];
  if (use !== undefined && use !== "msg") return { status: 400, reason: 'header ConnectionUse is not "msg"' };
  return refuseIdentity(identityOf(subject), node, legacyCertificates) ?? { node };
}
