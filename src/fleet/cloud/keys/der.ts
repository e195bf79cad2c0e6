/** Keys and certificates as KubeEdge's secrets have them: DER without a frame, keys in the form of their kind (SEC 1, or PKCS #1 for RSA). */
import { createPrivateKey, generateKeyPairSync, type KeyObject, X509Certificate } from "node:crypto";
import { SampanError } from "../../../base/errors.ts";

/** A new key on P-256. */
export function newKey(): KeyObject {
  return generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
}

/** Errors: `data_loss` naming where it came from. */
export function readKey(der: Buffer | undefined, from: string): KeyObject {
  for (const type of ["sec1", "pkcs1", "pkcs8"] as const) {
    try {
      return createPrivateKey({ key: der ?? Buffer.alloc(0), format: "der", type });
    } catch {
      // The next form; after the last it is told below.
    }
  }
  throw new SampanError("data_loss", `cannot use ${from}: it is no private key (DER)`);
}

/** Errors: `data_loss` naming where it came from. */
export function readCertificate(der: Buffer | undefined, from: string): X509Certificate {
  try {
    return new X509Certificate(der ?? Buffer.alloc(0));
  } catch (cause) {
    throw new SampanError("data_loss", `cannot use ${from}: it is no certificate (DER)`, { cause });
  }
}

export function keyBytes(key: KeyObject): Buffer {
  return key.export({ format: "der", type: key.asymmetricKeyType === "rsa" ? "pkcs1" : "sec1" });
}

/** For TLS. */
export function keyText(key: KeyObject): string {
  return key.export({ format: "pem", type: "pkcs8" }) as string;
}
