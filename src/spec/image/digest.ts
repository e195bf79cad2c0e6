/**
 * Digests as in the OCI image specification 1.1, descriptor.md, "Digests". Of the registered algorithms sha256 and sha512 are taken; any other
 * string is refused before it can become a part of a path (CVE-2024-3727).
 */
import { invalid } from "../../base/errors.ts";

declare const digestBrand: unique symbol;
/** `sha256:` and 64, or `sha512:` and 128 lower-case hexadecimal digits; made by parseDigest only. */
export type Digest = string & { readonly [digestBrand]: true };

const form = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/;

export function isDigest(text: string): text is Digest {
  return form.test(text);
}

/** Errors: `invalid_argument` for anything that is not a digest of a known algorithm in its canonical form. */
export function parseDigest(text: string): Digest {
  if (isDigest(text)) return text;
  throw invalid(
    `cannot read digest "${text.slice(0, 150)}": it is not sha256: or sha512: and lower-case hexadecimal digits`,
  );
}

export function algorithmOf(digest: Digest): "sha256" | "sha512" {
  return digest.startsWith("sha256:") ? "sha256" : "sha512";
}

/** The digits without the algorithm: safe as a file name. */
export function hexOf(digest: Digest): string {
  return digest.slice(digest.indexOf(":") + 1);
}

/** The sha256 digest of bytes that are in memory. */
export function digestOf(bytes: Uint8Array | string): Digest {
  return `sha256:${new Bun.CryptoHasher("sha256").update(bytes).digest("hex")}` as Digest;
}
