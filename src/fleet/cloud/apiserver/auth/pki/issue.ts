/** Makes certificates. */
import type { Extension, X509Certificate } from "@peculiar/x509";
import { x509 } from "./library.ts";
import { pemOf } from "./pem.ts";

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

export interface Subject {
  readonly commonName: string;
  readonly organizations?: readonly string[];
}

export interface AlternativeNames {
  readonly dns: readonly string[];
  readonly ip: readonly string[];
}

export interface Validity {
  /** Milliseconds since 1970. */
  readonly from: number;
  readonly until: number;
}

export interface Issuer {
  readonly certificate: string;
  /** PKCS #8, PEM. */
  readonly key: string;
}

export interface Wanted {
  readonly subject: Subject;
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Uint8Array<ArrayBuffer>;
  readonly validity: Validity;
  readonly usages: readonly ("client" | "server")[];
  readonly names?: AlternativeNames;
  /** RSA keys of others may also be used to encipher a session's key. */
  readonly keyEncipherment?: boolean;
}

export interface KeyPair {
  /** PKCS #8, PEM. */
  readonly key: string;
  readonly publicKey: Uint8Array<ArrayBuffer>;
}

/** ECDSA on P-256, the curve that every client of Kubernetes knows. */
export async function makeKeyPair(): Promise<KeyPair> {
  const pair = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const key = pemOf("PRIVATE KEY", new Uint8Array(await crypto.subtle.exportKey("pkcs8", pair.privateKey)));
  return { key, publicKey: new Uint8Array(await crypto.subtle.exportKey("spki", pair.publicKey)) };
}

/** A certificate authority that signs itself; PEM. */
export async function makeAuthority(
  commonName: string,
  { key, publicKey }: KeyPair,
  { from, until }: Validity,
): Promise<string> {
  const keys = { privateKey: await signingKey(key), publicKey: await verifyingKey(publicKey) };
  const library = x509();
  const { KeyUsageFlags } = library;
  const certificate = await library.X509CertificateGenerator.createSelfSigned({
    serialNumber: serial(),
    name: [{ CN: [commonName] }],
    notBefore: new Date(from),
    notAfter: new Date(until),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new library.BasicConstraintsExtension(true, undefined, true),
      new library.KeyUsagesExtension(
        KeyUsageFlags.digitalSignature | KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign,
        true,
      ),
      await library.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return textOf(certificate);
}

/** A certificate for a key, signed by an authority; PEM. */
export async function issue(issuer: Issuer, wanted: Wanted): Promise<string> {
  const library = x509();
  const authority = new library.X509Certificate(issuer.certificate);
  const certificate = await library.X509CertificateGenerator.create({
    serialNumber: serial(),
    subject: subjectOf(wanted.subject),
    issuer: authority.subjectName,
    notBefore: new Date(wanted.validity.from),
    notAfter: new Date(wanted.validity.until),
    signingAlgorithm: algorithm,
    publicKey: wanted.publicKey,
    signingKey: await signingKey(issuer.key),
    extensions: await extensionsOf(authority, wanted),
  });
  return textOf(certificate);
}

async function extensionsOf(authority: X509Certificate, wanted: Wanted): Promise<Extension[]> {
  const library = x509();
  const { ExtendedKeyUsage, KeyUsageFlags } = library;
  const { usages, names, keyEncipherment = false } = wanted;
  const purposes = { client: ExtendedKeyUsage.clientAuth, server: ExtendedKeyUsage.serverAuth };
  const flags = KeyUsageFlags.digitalSignature | (keyEncipherment ? KeyUsageFlags.keyEncipherment : 0);
  const alternative = [
    ...(names?.dns ?? []).map((value) => ({ type: "dns" as const, value })),
    ...(names?.ip ?? []).map((value) => ({ type: "ip" as const, value })),
  ];
  return [
    new library.BasicConstraintsExtension(false, undefined, true),
    new library.KeyUsagesExtension(flags, true),
    new library.ExtendedKeyUsageExtension(usages.map((usage) => purposes[usage])),
    await library.AuthorityKeyIdentifierExtension.create(authority.publicKey),
    ...(alternative.length > 0 ? [new library.SubjectAlternativeNameExtension(alternative)] : []),
  ];
}

/** Groups first and the name last, as programs of Kubernetes write it. */
function subjectOf({ commonName, organizations = [] }: Subject) {
  return [...organizations.map((name) => ({ O: [name] })), { CN: [commonName] }];
}

/** 127 bits by chance, so that nothing has to be counted (RFC 5280, 4.1.2.2: positive, at most 20 bytes). */
function serial(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return Buffer.from(bytes).toString("hex");
}

function textOf(certificate: X509Certificate): string {
  return `${certificate.toString("pem").trim()}\n`;
}

async function signingKey(pem: string): Promise<CryptoKey> {
  const der = Buffer.from(pem.replaceAll(/-----[^-]+-----|\s/g, ""), "base64");
  return crypto.subtle.importKey("pkcs8", der, algorithm, false, ["sign"]);
}

async function verifyingKey(der: Uint8Array<ArrayBuffer>): Promise<CryptoKey> {
  return crypto.subtle.importKey("spki", der, algorithm, true, ["verify"]);
}
