/** An authority that signs one certificate: its key is gone when this returns, so that nothing else can ever be signed by it. */
import { isIP } from "node:net";
import type * as X509 from "@peculiar/x509";
import { pem } from "../join/https.ts";
import type { KeyPair } from "../hub/keys.ts";

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
/** An edge's clock may be anything, and nobody renews what is offline for years. UTCTime of RFC 5280 ends with 2049. */
const validity = {
  notBefore: new Date("2000-01-01T00:00:00Z"),
  notAfter: new Date("2049-12-31T23:59:59Z"),
} as const;

/** For a server of these names and addresses; PEM. The library is loaded for this alone. */
export async function makeIdentity(names: readonly string[]): Promise<KeyPair> {
  require("reflect-metadata");
  const library = require("@peculiar/x509") as typeof X509;
  const { KeyUsageFlags } = library;
  const pair = () => crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const [signer, server] = [await pair(), await pair()];
  const common = { signingAlgorithm: algorithm, ...validity };
  const authority = await library.X509CertificateGenerator.createSelfSigned({
    ...common,
    serialNumber: serial(),
    name: [{ CN: [`sampan-edge-api-${serial().slice(0, 8)}`] }],
    keys: signer,
    extensions: [
      new library.BasicConstraintsExtension(true, 0, true),
      new library.KeyUsagesExtension(KeyUsageFlags.digitalSignature | KeyUsageFlags.keyCertSign, true),
      await library.SubjectKeyIdentifierExtension.create(signer.publicKey),
    ],
  });
  const certificate = await library.X509CertificateGenerator.create({
    ...common,
    serialNumber: serial(),
    subject: [{ CN: ["kubernetes"] }],
    issuer: authority.subjectName,
    publicKey: server.publicKey,
    signingKey: signer.privateKey,
    extensions: [
      new library.BasicConstraintsExtension(false, undefined, true),
      new library.KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new library.ExtendedKeyUsageExtension([library.ExtendedKeyUsage.serverAuth]),
      await library.AuthorityKeyIdentifierExtension.create(signer.publicKey),
      new library.SubjectAlternativeNameExtension(
        names.map((value) => ({ type: isIP(value) === 0 ? ("dns" as const) : ("ip" as const), value })),
      ),
    ],
  });
  return {
    authority: textOf(authority),
    certificate: textOf(certificate),
    key: pem("PRIVATE KEY", new Uint8Array(await crypto.subtle.exportKey("pkcs8", server.privateKey))),
  };
}

const textOf = (certificate: X509.X509Certificate): string => `${certificate.toString("pem").trim()}\n`;

/** 127 bits by chance (RFC 5280, 4.1.2.2: positive). */
function serial(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return Buffer.from(bytes).toString("hex");
}
