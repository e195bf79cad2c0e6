/** Reads certificate requests (PKCS #10, RFC 2986). */
import type { Pkcs10CertificateRequest } from "@peculiar/x509";
import { createPublicKey } from "node:crypto";
import { x509 } from "../pki/library.ts";

export interface ReadRequest {
  readonly commonName: string;
  readonly organizations: readonly string[];
  readonly dns: readonly string[];
  readonly ip: readonly string[];
  /** Other alternative names: of mail, URIs and what else there is. */
  readonly others: readonly string[];
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Uint8Array<ArrayBuffer>;
  /** Whether its own key signed it. */
  verify(): Promise<boolean>;
}

/** No request of a certificate comes near it, in bytes of PEM. */
const limit = 32_768;
const frame =
  /^\s*(?:[^-][\s\S]*?)?-----BEGIN CERTIFICATE REQUEST-----([\sA-Za-z0-9+/=]+)-----END CERTIFICATE REQUEST-----\s*$/;

/** `request`: base64 of PEM, as `spec.request` has it. A text says what is wrong. */
export function readRequest(request: string): ReadRequest | string {
  const pem = Buffer.from(request, "base64").toString("latin1");
  if (pem.length > limit) return "it is larger than 32 KiB";
  const body = frame.exec(pem)?.[1];
  if (body === undefined) return "PEM block type must be CERTIFICATE REQUEST";
  try {
    return read(new (x509().Pkcs10CertificateRequest)(Buffer.from(body, "base64")));
  } catch {
    return "it is no PKCS #10 request";
  }
}

function read(request: Pkcs10CertificateRequest): ReadRequest | string {
  const { subjectName } = request;
  const { SubjectAlternativeNameExtension } = x509();
  const [commonName = "", ...more] = subjectName.getField("CN");
  const organizations = subjectName.getField("O");
  // A name that has lines in it may be read as two names by others.
  const odd = [commonName, ...organizations].some((name) => /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(name));
  if (more.length > 0) return "its subject has several common names";
  if (odd) return "its subject has control characters";
  const names = request.extensions.flatMap((extension) =>
    extension instanceof SubjectAlternativeNameExtension ? extension.names.items : [],
  );
  const of = (type: string) => names.filter((name) => name.type === type).map(({ value }) => value);
  const publicKey = new Uint8Array(request.publicKey.rawData);
  const weak = weakness(publicKey);
  if (weak !== undefined) return weak;
  return {
    commonName,
    organizations,
    dns: of("dns"),
    ip: of("ip"),
    others: names
      .filter(({ type }) => type !== "dns" && type !== "ip")
      .map(({ type, value }) => `${type}:${value}`),
    publicKey,
    verify: async () => request.verify(),
  };
}

function weakness(spki: Uint8Array): string | undefined {
  const key = createPublicKey({ key: Buffer.from(spki), format: "der", type: "spki" });
  const { modulusLength = 0, namedCurve = "" } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === "rsa")
    return modulusLength >= 2048 && modulusLength <= 8192
      ? undefined
      : "its RSA key has not 2048 to 8192 bits";
  if (key.asymmetricKeyType === "ed25519") return undefined;
  const good =
    key.asymmetricKeyType === "ec" && ["prime256v1", "secp384r1", "secp521r1"].includes(namedCurve);
  return good ? undefined : "its key is of a kind that is not known here";
}
