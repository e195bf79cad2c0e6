/** A certificate and its key as they lie on the disk, and whether they are still what they should be. */
import { createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { SampanError } from "../../../../../base/errors.ts";
import type { AlternativeNames } from "./issue.ts";

export interface Pair {
  /** PEM. */
  readonly certificate: string;
  readonly key: string;
}

/** Errors: `data_loss` naming the file that is damaged, or both when they do not belong together. */
export function checkPair(pair: Pair, paths: Pair): X509Certificate {
  const certificate = readCertificate(pair.certificate, paths.certificate);
  const key = readKey(pair.key, paths.key);
  if (!certificate.checkPrivateKey(key))
    throw damaged(paths.key, `it is not the key of the certificate in "${paths.certificate}"`);
  return certificate;
}

export function readCertificate(text: string, path: string): X509Certificate {
  try {
    return new X509Certificate(text);
  } catch {
    throw damaged(path, "it is damaged: wanted a certificate (PEM)");
  }
}

export function readKey(text: string, path: string): KeyObject {
  try {
    return createPrivateKey(text);
  } catch {
    throw damaged(path, "it is damaged: wanted a private key (PEM)");
  }
}

export function damaged(path: string, what: string): SampanError {
  return new SampanError(
    "data_loss",
    `cannot use "${path}": ${what}; bring it back from a backup, or move its folder away: then all certificates and tokens that were given out end`,
  );
}

export function publicPart(key: KeyObject): KeyObject {
  return createPublicKey(key);
}

/** Milliseconds since 1970. */
export function endOf(certificate: X509Certificate): number {
  return Date.parse(certificate.validTo);
}

export function beginOf(certificate: X509Certificate): number {
  return Date.parse(certificate.validFrom);
}

/** Whether every name and address is in a certificate, and no other. */
export function hasNames(certificate: X509Certificate, { dns, ip }: AlternativeNames): boolean {
  const there = (certificate.subjectAltName ?? "").split(", ");
  const wanted = [...dns.map((name) => `DNS:${name}`), ...ip.map((name) => `IP Address:${canonical(name)}`)];
  const found = there.map((name) =>
    name.startsWith("IP Address:") ? `IP Address:${canonical(name.slice(11))}` : name,
  );
  return wanted.length === found.length && wanted.every((name) => found.includes(name));
}

/** One spelling for each address: an IPv6 address has many. */
function canonical(address: string): string {
  return isIP(address) === 6 ? new URL(`http://[${address}]`).hostname : address;
}
