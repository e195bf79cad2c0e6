/** Blobs: distribution specification 1.1, "Pulling blobs"; ranges as in RFC 9110, section 14. */
import type { Client } from "./_client.ts";
import type { Answer } from "./_exchange.ts";
import { SampanError } from "../../base/errors.ts";
import type { Digest } from "../../spec/image/digest.ts";
import type { Descriptor } from "../../spec/image/types.ts";

export interface BlobCall {
  readonly repository: string;
  readonly scopes: readonly string[];
  readonly tries?: number;
  readonly signal?: AbortSignal | undefined;
}

export interface BlobBody {
  readonly offset: number;
  readonly size: number | undefined;
  readonly body: ReadableStream<Uint8Array>;
}

export function fetchBlob(
  client: Client,
  descriptor: Descriptor,
  offset: number,
  call: BlobCall,
): Promise<BlobBody> {
  return ranged(client, `/v2/${call.repository}/blobs/${descriptor.digest}`, { descriptor, offset, call });
}

/** A foreign layer from one of the addresses that its descriptor names. A client for that host goes without credentials. */
export function fetchForeign(
  client: Client,
  url: URL,
  wanted: { descriptor: Descriptor; offset: number; call: BlobCall },
): Promise<BlobBody> {
  return ranged(client, url, wanted);
}

async function ranged(
  client: Client,
  target: string | URL,
  wanted: { descriptor: Descriptor; offset: number; call: BlobCall },
): Promise<BlobBody> {
  const { descriptor, offset, call } = wanted;
  const answer = await client.send({
    method: "GET",
    target,
    headers: offset > 0 ? { Range: `bytes=${offset}-` } : {},
    expect: offset > 0 ? [200, 206, 416] : [200],
    scopes: call.scopes,
    signal: call.signal,
    ...(call.tries === undefined ? {} : { tries: call.tries }),
  });
  if (answer.status === 416) {
    await answer.drop();
    return await ranged(client, target, { ...wanted, offset: 0 });
  }
  try {
    const start = answer.status === 206 ? startOf(answer, offset, descriptor) : 0;
    checkLength(answer, start, descriptor);
    return { offset: start, size: descriptor.size, body: answer.stream() };
  } catch (error) {
    await answer.drop();
    throw error;
  }
}

/** `bytes 100-199/200`, exactly from where it was asked. */
function startOf(answer: Answer, offset: number, descriptor: Descriptor): number {
  const header = answer.headers.get("Content-Range") ?? "";
  const match = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/.exec(header);
  const total = match?.[3] === "*" ? descriptor.size : Number(match?.[3]);
  if (
    match &&
    Number(match[1]) === offset &&
    Number(match[2]) === descriptor.size - 1 &&
    total === descriptor.size
  )
    return offset;
  throw new SampanError(
    "data_loss",
    `cannot fetch blob "${descriptor.digest}": the registry answered with range "${header.slice(0, 80)}", wanted bytes ${offset}-${descriptor.size - 1}/${descriptor.size}`,
  );
}

function checkLength(answer: Answer, start: number, descriptor: Descriptor): void {
  const header = answer.headers.get("Content-Length");
  const wanted = descriptor.size - start;
  if (header === null || Number(header) === wanted) return;
  throw new SampanError(
    "data_loss",
    `cannot fetch blob "${descriptor.digest}": the registry announces ${header.slice(0, 20)} bytes, wanted ${wanted}`,
  );
}

export async function blobExists(client: Client, digest: Digest, call: BlobCall): Promise<boolean> {
  const answer = await client.send({
    method: "HEAD",
    target: `/v2/${call.repository}/blobs/${digest}`,
    expect: [200, 404],
    scopes: call.scopes,
    signal: call.signal,
    ...(call.tries === undefined ? {} : { tries: call.tries }),
  });
  await answer.drop();
  return answer.status === 200;
}
