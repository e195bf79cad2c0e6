/** One request to the port of a cloud where edges join (10002). Certificates are signed by a GET with a body there, which fetch refuses to send. */
import { request } from "node:https";
import { X509Certificate } from "node:crypto";
import { SampanError } from "../../../base/errors.ts";
import { parseAddress } from "../hub/address.ts";

export interface Asking {
  /** `<host>:<port>`. */
  readonly address: string;
  readonly path: string;
  /** GET without it. */
  readonly method?: "POST";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** PEM. Without it whoever answers is believed: only for what is checked otherwise, or trusted in nothing. */
  readonly authority: string | undefined;
  readonly identity?: { readonly certificate: string; readonly key: string };
  readonly signal: AbortSignal;
}

export interface Answer {
  readonly status: number;
  readonly body: Buffer;
  /** What the other side's clock shows, milliseconds since 1970. */
  readonly date: number | undefined;
}

export const joinPort = 10_002;
const deadline = 15_000;
/** Bytes of an answer: certificates have some hundred. */
const most = 1 << 20;

/** Errors: `unavailable`, `unauthenticated` when it is another cloud, `deadline_exceeded`. */
export async function askCloud(asking: Asking): Promise<Answer> {
  const { address, path, method = "GET", headers = {}, body, authority, identity, signal } = asking;
  const { host, port } = parseAddress(address, joinPort);
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const end = AbortSignal.any([signal, AbortSignal.timeout(deadline)]);
  const outgoing = request(
    {
      host,
      port,
      path,
      method,
      agent: false,
      headers: { ...headers, ...(body ? { "Content-Length": body.byteLength } : {}) },
      minVersion: "TLSv1.2",
      ...(authority === undefined ? { rejectUnauthorized: false } : { ca: authority }),
      ...(identity ? { cert: identity.certificate, key: identity.key } : {}),
    },
    (incoming) => {
      const chunks: Buffer[] = [];
      let size = 0;
      incoming.on("data", (chunk: Buffer) => {
        size += chunk.byteLength;
        if (size > most) outgoing.destroy(new Error(`it answers with more than ${most} bytes`));
        else chunks.push(chunk);
      });
      incoming.on("error", reject);
      incoming.on("end", () => {
        const date = Date.parse(incoming.headers.date ?? "");
        resolve({
          status: incoming.statusCode ?? 0,
          body: Buffer.concat(chunks),
          date: Number.isNaN(date) ? undefined : date,
        });
      });
    },
  );
  const abort = () => outgoing.destroy(new Error(signal.aborted ? "it was called off" : "ETIMEDOUT"));
  end.addEventListener("abort", abort, { once: true });
  outgoing.on("error", reject);
  outgoing.end(body);
  try {
    return await promise;
  } catch (cause) {
    throw failure(address, cause, end.aborted && !signal.aborted);
  } finally {
    end.removeEventListener("abort", abort);
  }
}

function failure(address: string, cause: unknown, isLate: boolean): SampanError {
  const { code = "", message } = cause as { code?: string; message: string };
  if (/SELF_SIGNED|UNABLE_TO_|SIGNATURE|ALTNAME/.test(code))
    return new SampanError(
      "unauthenticated",
      `cannot ask cloud "${address}": it shows a certificate of another authority or for other names (${code})`,
      { cause },
    );
  const why = isLate ? `no answer within ${deadline / 1000} s` : message;
  return new SampanError(
    isLate ? "deadline_exceeded" : "unavailable",
    `cannot ask cloud "${address}": ${why}`,
    {
      cause,
    },
  );
}

/** What a cloud's clock shows. Nobody vouches for it. */
export async function cloudTime(address: string, signal: AbortSignal): Promise<number | undefined> {
  return (await askCloud({ address, path: "/ca.crt", authority: undefined, signal })).date;
}

/** PEM of a certificate in DER. Errors: `unavailable` when it is none: clouds up to 1.15 answer with nothing. */
export function certificateOf(body: Buffer, what: string): string {
  try {
    return pem("CERTIFICATE", new X509Certificate(body).raw);
  } catch (cause) {
    throw new SampanError("unavailable", `cannot use ${what}: the cloud's answer is no certificate`, {
      cause,
    });
  }
}

export function pem(label: string, der: Uint8Array): string {
  const lines = Buffer.from(der)
    .toString("base64")
    .replaceAll(/.{64}(?=.)/g, "$&\n");
  return `-----BEGIN ${label}-----\n${lines}\n-----END ${label}-----\n`;
}
