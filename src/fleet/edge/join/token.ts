/** The token to join by: the SHA-256 of the cloud's authority, a dot, and a JWT that only the cloud can check. */
import { createHash } from "node:crypto";
import { invalid, SampanError } from "../../../base/errors.ts";

export interface JoinToken {
  /** 64 hexadecimal digits. */
  readonly authority: string;
  readonly jwt: string;
}

const pattern = /^([0-9a-fA-F]{64})\.([\w-]{1,512}\.[\w-]{1,2048}\.[\w-]{1,512})$/;

/** @throws SampanError invalid_argument; the token is not repeated. */
export function parseToken(text: string): JoinToken {
  const [, authority, jwt] = pattern.exec(text.trim()) ?? [];
  if (authority === undefined || jwt === undefined)
    throw invalid(
      "cannot use the token: wanted the one that `sampan cloud token` or `keadm gettoken` prints, whole",
    );
  return { authority: authority.toLowerCase(), jwt };
}

/** Whether this is the authority that the token names. Errors: `unauthenticated`. */
export function checkAuthority(der: Uint8Array, { authority }: JoinToken, address: string): void {
  const found = createHash("sha256").update(der).digest("hex");
  if (found !== authority)
    throw new SampanError(
      "unauthenticated",
      `cannot join cloud "${address}": its authority is not the one that the token is of; the token is of another cloud, or somebody stands between`,
    );
}

/** When it ends, milliseconds since 1970; undefined when it does not say so. */
export function endOfToken({ jwt }: JoinToken): number | undefined {
  try {
    const { exp } = JSON.parse(Buffer.from(jwt.split(".")[1] ?? "", "base64url").toString()) as {
      exp?: unknown;
    };
    return typeof exp === "number" ? exp * 1000 : undefined;
  } catch {
    return undefined;
  }
}
