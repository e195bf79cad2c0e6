/** Keys and certificate requests of a node (PKCS #10). The key is made here and never leaves. */
import type * as X509 from "@peculiar/x509";
import { pem } from "./https.ts";

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

export interface NewRequest {
  /** PKCS #8, PEM. */
  readonly key: string;
  readonly publicKey: Uint8Array;
  /** DER, with the name that says which node it is. */
  readonly named: Uint8Array;
  /** DER, with the name that all edges before 1.18 have. */
  readonly legacy: Uint8Array;
}

/** The library is loaded for this alone: an edge asks for a certificate once a year. */
export async function newRequest(node: string): Promise<NewRequest> {
  require("reflect-metadata");
  const { Pkcs10CertificateRequestGenerator } = require("@peculiar/x509") as typeof X509;
  const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const request = async (name: X509.JsonName) =>
    new Uint8Array(
      (await Pkcs10CertificateRequestGenerator.create({ name, keys, signingAlgorithm: algorithm })).rawData,
    );
  const place = { C: ["CN"], L: ["Hangzhou"], ST: ["Zhejiang"] };
  return {
    key: pem("PRIVATE KEY", new Uint8Array(await crypto.subtle.exportKey("pkcs8", keys.privateKey))),
    publicKey: new Uint8Array(await crypto.subtle.exportKey("spki", keys.publicKey)),
    named: await request([{ O: ["system:nodes"] }, { CN: [`system:node:${node}`] }]),
    legacy: await request([place, { O: ["kubeEdge"] }, { CN: ["kubeedge.io"] }]),
  };
}
