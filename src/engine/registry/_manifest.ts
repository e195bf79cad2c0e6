/** Manifests by tag or digest: distribution specification 1.1, "Pulling manifests". */
import type { FetchedManifest } from "./registry.ts";
import type { Answer } from "./_exchange.ts";
import type { Client } from "./_client.ts";
import { invalid, SampanError } from "../../base/errors.ts";
import { algorithmOf, digestOf, isDigest, type Digest } from "../../spec/image/digest.ts";
import { kindOf, parseDocument } from "../../spec/image/parse.ts";
import { mediaTypes, type Descriptor } from "../../spec/image/types.ts";

export const mostManifestBytes = 4 * 1024 * 1024;

const accept = [
  mediaTypes.ociIndex,
  mediaTypes.dockerList,
  mediaTypes.ociManifest,
  mediaTypes.dockerManifest,
].join(", ");

export interface ManifestCall {
  /** `library/alpine`. */
  readonly repository: string;
  readonly reference: string;
  readonly scopes: readonly string[];
  readonly tries?: number;
  readonly signal?: AbortSignal | undefined;
}

function request(call: ManifestCall, method: "GET" | "HEAD", expect: readonly number[]) {
  return {
    method,
    target: `/v2/${call.repository}/manifests/${call.reference}`,
    headers: { Accept: accept },
    expect,
    scopes: call.scopes,
    signal: call.signal,
    ...(call.tries === undefined ? {} : { tries: call.tries }),
  };
}

/** A refusal of HEAD has no words: whoever asks for the manifest then, with GET, is told the reason. */
const refused = [400, 403, 404, 405, 408, 425, 429, 500, 501, 502, 503, 504] as const;

export async function resolveManifest(client: Client, call: ManifestCall): Promise<Descriptor | undefined> {
  const answer = await client.send(request(call, "HEAD", [200, ...refused]));
  await answer.drop();
  const digest = announced(answer);
  const size = Number(answer.headers.get("Content-Length") ?? Number.NaN);
  const mediaType = mediaTypeOf(answer);
  if (answer.status !== 200 || !digest || !kindOf(mediaType) || !Number.isSafeInteger(size) || size < 1)
    return undefined;
  if (isDigest(call.reference) && digest !== call.reference) throw differs(call, digest);
  return { mediaType, digest, size };
}

export async function fetchManifest(client: Client, call: ManifestCall): Promise<FetchedManifest> {
  const { answer, bytes } = await client.read(request(call, "GET", [200]), mostManifestBytes);
  const digest = isDigest(call.reference) ? call.reference : (announced(answer) ?? digestOf(bytes));
  const actual = digestBy(digest, bytes);
  if (actual !== digest) throw differs({ ...call, reference: digest }, actual);
  const said = announced(answer);
  if (said !== undefined && digestBy(said, bytes) !== said)
    throw differs({ ...call, reference: said }, actual);
  const mediaType = mediaTypeOf(answer);
  if (!kindOf(mediaType) && !mediaType.startsWith("application/vnd.docker.distribution.manifest.v1+"))
    throw invalid(
      `cannot take manifest "${call.reference}" of ${call.repository}: its media type is "${mediaType.slice(0, 100)}", wanted an OCI or Docker manifest or index`,
    );
  parseDocument(bytes, mediaType);
  return { descriptor: { mediaType, digest, size: bytes.length }, bytes };
}

export async function pushManifest(
  client: Client,
  call: ManifestCall & { readonly bytes: Uint8Array; readonly mediaType: string },
): Promise<Digest> {
  const answer = await client.send({
    method: "PUT",
    target: `/v2/${call.repository}/manifests/${call.reference}`,
    headers: { "Content-Type": call.mediaType },
    // PUT of the same bytes under the same name may be said twice.
    body: () => call.bytes as Uint8Array<ArrayBuffer>,
    expect: [200, 201, 202],
    scopes: call.scopes,
    signal: call.signal,
    ...(call.tries === undefined ? {} : { tries: call.tries }),
  });
  await answer.drop();
  const said = announced(answer);
  const digest = isDigest(call.reference) ? call.reference : digestOf(call.bytes);
  if (said !== undefined && digestBy(said, call.bytes) !== said) throw differs(call, said);
  return digest;
}

function announced(answer: Answer): Digest | undefined {
  const text = answer.headers.get("Docker-Content-Digest");
  return text !== null && isDigest(text) ? text : undefined;
}

function mediaTypeOf(answer: Answer): string {
  return (answer.headers.get("Content-Type") ?? "").replace(/;.*$/s, "").trim().toLowerCase();
}

function digestBy(like: Digest, bytes: Uint8Array): string {
  const algorithm = algorithmOf(like);
  return `${algorithm}:${new Bun.CryptoHasher(algorithm).update(bytes).digest("hex")}`;
}

function differs(call: ManifestCall, actual: string): SampanError {
  return new SampanError(
    "data_loss",
    `cannot take manifest "${call.reference}" of ${call.repository}: the registry's has digest ${actual}`,
  );
}
