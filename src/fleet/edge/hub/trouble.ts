/** Why a connection did not come about, in words that say what to do. */
import { SampanError, type Code } from "../../../base/errors.ts";

interface Row {
  readonly code: Code;
  readonly text: string;
  /** The two clocks may differ. */
  readonly clock?: true;
  /** Nothing left this machine: trying again costs the cloud nothing. */
  readonly local?: true;
}

const rows: readonly (readonly [pattern: RegExp, row: Row])[] = [
  [
    /NOT_YET_VALID/i,
    {
      code: "failed_precondition",
      text: "the cloud's certificate is not valid yet: this machine's clock is behind, set it right",
      clock: true,
    },
  ],
  [
    /ALERT_CERTIFICATE_EXPIRED/i,
    {
      code: "unauthenticated",
      text: "the cloud says that this node's certificate has expired: it is renewed if the cloud allows that, otherwise join again with a new token",
      clock: true,
    },
  ],
  [
    /CERT_HAS_EXPIRED|certificate has expired/i,
    {
      code: "failed_precondition",
      text: "the cloud's certificate has expired, or this machine's clock is ahead",
      clock: true,
    },
  ],
  [
    /ALTNAME|does not match certificate/i,
    {
      code: "unauthenticated",
      text: "the cloud's certificate is for other names and addresses than the one dialled; add it to the cloud's names",
    },
  ],
  [
    /SELF_SIGNED|UNABLE_TO_(?:GET_ISSUER|VERIFY)|SIGNATURE_FAILURE/i,
    {
      code: "unauthenticated",
      text: "another authority than this node's signed the cloud's certificate: it is another cloud, or it was set up anew; join again",
    },
  ],
  [
    /ALERT_(?:CERTIFICATE|BAD_CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED|HANDSHAKE|DECRYPT)/i,
    {
      code: "unauthenticated",
      text: "the cloud does not take this node's certificate (another cloud signed it, it is not valid yet there, or it was withdrawn); join again",
      clock: true,
    },
  ],
  // Bun says the same of a host that cannot be reached.
  [/ECONNREFUSED/, { code: "unavailable", text: "nobody listens there, or there is no way to it" }],
  [/ENOTFOUND|EAI_AGAIN|ENODATA/, { code: "unavailable", text: "its name does not resolve", local: true }],
  [
    /EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL/,
    { code: "unavailable", text: "there is no way to it from this network", local: true },
  ],
  [
    /ETIMEDOUT|timed? ?out/i,
    { code: "deadline_exceeded", text: "it does not answer: it is off, or a firewall is between" },
  ],
  [/ECONNRESET|EPIPE|hang up/i, { code: "unavailable", text: "it broke the connection off" }],
];

export interface Trouble {
  readonly error: SampanError;
  /** It may be that this machine's clock or the cloud's is wrong. */
  readonly clock: boolean;
  /** It did not come as far as the cloud. */
  readonly local: boolean;
}

export function troubleOf(address: string, cause: unknown): Trouble {
  if (cause instanceof SampanError) return { error: cause, clock: false, local: false };
  const { code = "", message = "" } = (cause ?? {}) as { code?: string; message?: string };
  const row = rows.find(([pattern]) => pattern.test(`${code} ${message}`))?.[1];
  const why = row ? `${row.text} (${code || message})` : message || String(cause);
  return {
    error: new SampanError(row?.code ?? "unavailable", `cannot connect to cloud "${address}": ${why}`, {
      cause,
    }),
    clock: row?.clock === true,
    local: row?.local === true,
  };
}

/** The cloud answered, but with no connection: newer ones say why they refuse a node. */
export function refusal(address: string, status: number, words: string): SampanError {
  const code: Code =
    status === 401
      ? "unauthenticated"
      : status === 403
        ? "permission_denied"
        : status === 429
          ? "resource_exhausted"
          : "unavailable";
  const said = words.trim().split("\n")[0]?.slice(0, 200) ?? "";
  return new SampanError(
    code,
    `cannot connect to cloud "${address}": it refused with status ${status}${said === "" ? "" : `: ${said}`}`,
  );
}
