/** Makes KubeEdge's certificates: what a cloudcore makes, so that it could take over, and what its edges take. */
import { createHash, createPublicKey, type KeyObject, type X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import type { Extension } from "@peculiar/x509";
import { x509 } from "../apiserver/auth/pki/library.ts";

const day = 86_400_000;
const years = 100 * 365;
/** Edges' clocks may be behind ours, most of all before the network told them the time. */
const early = day;
const skew = 5 * 60_000;

export type Usage = "client" | "server";

export interface Authority {
  readonly certificate: X509Certificate;
  readonly key: KeyObject;
}

export interface EdgeRequest {
  readonly node: string;
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Uint8Array<ArrayBuffer>;
  readonly usages: readonly Usage[];
  readonly days: number;
}

/** The authority that signs itself, DER: CN=KubeEdge, serial 0x400, a hundred years. */
export async function makeAuthority(key: KeyObject, now: number): Promise<Buffer> {
  const { KeyUsageFlags: flag, ...library } = x509();
  const keys = { privateKey: await signingKey(key), publicKey: await publicKey(key) };
  const certificate = await library.X509CertificateGenerator.createSelfSigned({
    serialNumber: "0400",
    name: [{ CN: ["KubeEdge"] }],
    notBefore: new Date(now - early),
    notAfter: new Date(now + years * day),
    signingAlgorithm: algorithmOf(key),
    keys,
    extensions: [
      new library.KeyUsagesExtension(flag.keyEncipherment | flag.digitalSignature | flag.keyCertSign, true),
      purposes(["server", "client"]),
      new library.BasicConstraintsExtension(true, undefined, true),
      await library.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return Buffer.from(certificate.rawData);
}

/** What CloudHub shows, DER: O=KubeEdge, CN=KubeEdge and all the names that edges may dial. */
export function makeServer(
  authority: Authority,
  key: KeyObject,
  names: readonly string[],
  now: number,
): Promise<Buffer> {
  return sign(authority, {
    subject: [{ O: ["KubeEdge"] }, { CN: ["KubeEdge"] }],
    publicKey: spki(key),
    from: now - early,
    until: now + years * day,
    usages: ["server"],
    names,
  });
}

/** What a process of the cloud is among the others. */
export const peerName = { user: "sampan:cloud", group: "sampan:clouds" } as const;

/** By which one process of the cloud asks another, DER. Its key is in memory alone. */
export function makePeer(authority: Authority, key: KeyObject, now: number): Promise<Buffer> {
  return sign(authority, {
    subject: [{ O: [peerName.group] }, { CN: [peerName.user] }],
    publicKey: spki(key),
    from: now - early,
    until: now + years * day,
    usages: ["client"],
  });
}

/** An edge's, DER. Of its request nothing is taken but the key: the name is what the cloud knows it by. */
export function makeEdge(authority: Authority, request: EdgeRequest, now: number): Promise<Buffer> {
  return sign(authority, {
    subject: [{ O: ["system:nodes"] }, { CN: [`system:node:${request.node}`] }],
    publicKey: request.publicKey,
    from: now - skew,
    until: now + request.days * day,
    usages: request.usages,
  });
}

interface Wanted {
  readonly subject: readonly Record<string, string[]>[];
  readonly publicKey: Uint8Array<ArrayBuffer>;
  readonly from: number;
  readonly until: number;
  readonly usages: readonly Usage[];
  readonly names?: readonly string[];
}

async function sign({ certificate, key }: Authority, wanted: Wanted): Promise<Buffer> {
  const { KeyUsageFlags: flag, ...library } = x509();
  const issuer = new library.X509Certificate(certificate.raw);
  const names = (wanted.names ?? []).map((value) => ({
    type: isIP(value) ? ("ip" as const) : ("dns" as const),
    value,
  }));
  const made = await library.X509CertificateGenerator.create({
    serialNumber: serial(),
    subject: [...wanted.subject],
    issuer: issuer.subjectName,
    notBefore: new Date(Math.max(wanted.from, Date.parse(certificate.validFrom))),
    notAfter: new Date(Math.min(wanted.until, Date.parse(certificate.validTo))),
    signingAlgorithm: algorithmOf(key),
    publicKey: wanted.publicKey,
    signingKey: await signingKey(key),
    extensions: [
      new library.KeyUsagesExtension(flag.keyEncipherment | flag.digitalSignature, true),
      purposes(wanted.usages),
      ...authorityOf(issuer.extensions),
      ...(names.length > 0 ? [new library.SubjectAlternativeNameExtension(names)] : []),
    ],
  });
  return Buffer.from(made.rawData);
}

/** The authority's own identifier, however it was made: OpenSSL wants the same on both sides, and Go's is not always a SHA-1. */
function authorityOf(extensions: readonly Extension[]): Extension[] {
  const { SubjectKeyIdentifierExtension, AuthorityKeyIdentifierExtension } = x509();
  const own = extensions.find((each) => each instanceof SubjectKeyIdentifierExtension);
  return own ? [new AuthorityKeyIdentifierExtension(own.keyId)] : [];
}

function purposes(usages: readonly Usage[]) {
  const { ExtendedKeyUsage: purpose, ExtendedKeyUsageExtension } = x509();
  return new ExtendedKeyUsageExtension(
    usages.map((usage) => (usage === "client" ? purpose.clientAuth : purpose.serverAuth)),
  );
}

/** 63 bits by chance, as Go's programs take them; never 0 at the front. */
function serial(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(8));
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return Buffer.from(bytes).toString("hex");
}

/** A cloudcore's authority may be of RSA, or on another curve. */
function algorithmOf(key: KeyObject) {
  if (key.asymmetricKeyType === "rsa") return { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
  const curves: Readonly<Record<string, readonly [string, string]>> = {
    prime256v1: ["P-256", "SHA-256"],
    secp384r1: ["P-384", "SHA-384"],
    secp521r1: ["P-521", "SHA-512"],
  };
  const [namedCurve, hash] = curves[key.asymmetricKeyDetails?.namedCurve ?? ""] ?? ["P-256", "SHA-256"];
  return { name: "ECDSA", namedCurve, hash };
}

function signingKey(key: KeyObject): Promise<CryptoKey> {
  const der = new Uint8Array(key.export({ format: "der", type: "pkcs8" }));
  return crypto.subtle.importKey("pkcs8", der, algorithmOf(key), false, ["sign"]);
}

function publicKey(key: KeyObject): Promise<CryptoKey> {
  return crypto.subtle.importKey("spki", spki(key), algorithmOf(key), true, ["verify"]);
}

function spki(key: KeyObject): Uint8Array<ArrayBuffer> {
  return new Uint8Array(createPublicKey(key).export({ format: "der", type: "spki" }));
}

export function fingerprint(certificate: X509Certificate): string {
  return createHash("sha256").update(certificate.raw).digest("hex");
}
