/** Uploads of blobs: distribution specification 1.1, "Pushing blobs": asked for first, then mounted, then sent in one request, and resumed after a cut. */
import { stat } from "node:fs/promises";
import type { Descriptor } from "../../spec/image/types.ts";
import type { Client } from "./_client.ts";
import type { MakeBody } from "./_exchange.ts";
import type { Patience } from "./_patience.ts";
import { SampanError } from "../../base/errors.ts";
import { blobExists } from "./_blob.ts";
import { pauseBefore } from "./_patience.ts";

export interface Upload {
  readonly descriptor: Descriptor;
  readonly path: string;
  readonly repository: string;
  readonly mountFrom: readonly string[];
  readonly progress: (sent: number) => void;
  readonly patience: Patience;
  readonly signal?: AbortSignal | undefined;
}

/** Bytes of one PATCH where a registry does not take a blob in one request. */
const chunkSize = 16 * 1024 * 1024;
/** What registries and proxies say that do not. */
const inPiecesOnly: ReadonlySet<string> = new Set(["resource_exhausted", "unimplemented"]);

function scopesOf(upload: Upload, from?: string): string[] {
  const own = `repository:${upload.repository}:pull,push`;
  return from === undefined ? [own] : [own, `repository:${from}:pull`];
}

export async function uploadBlob(
  client: Client,
  upload: Upload,
): Promise<"uploaded" | "existed" | "mounted"> {
  const { size } = await stat(upload.path);
  if (size !== upload.descriptor.size)
    throw new SampanError(
      "data_loss",
      `cannot push blob "${upload.descriptor.digest}": its file has ${size} bytes, wanted ${upload.descriptor.size}`,
    );
  if (await exists(client, upload)) return "existed";
  let session: URL | undefined;
  for (const from of upload.mountFrom) {
    const answer = await mount(client, upload, from);
    if (answer === "mounted") return answer;
    session = answer ?? session;
  }
  return await sendTrying(client, upload, session);
}

function exists(client: Client, upload: Upload): Promise<boolean> {
  const { repository, signal } = upload;
  return blobExists(client, upload.descriptor.digest, { repository, scopes: scopesOf(upload), signal });
}

/** A registry that cannot mount answers with an upload session; one that may not, with a refusal that is no reason to stop. */
async function mount(client: Client, upload: Upload, from: string): Promise<"mounted" | URL | undefined> {
  const query = new URLSearchParams({ mount: upload.descriptor.digest, from });
  const answer = await client
    .send({
      method: "POST",
      target: `/v2/${upload.repository}/blobs/uploads/?${query.toString()}`,
      headers: { "Content-Length": "0" },
      expect: [201, 202],
      scopes: scopesOf(upload, from),
      signal: upload.signal,
    })
    .catch((error: unknown) => {
      if (upload.signal?.aborted) throw error;
      return undefined;
    });
  await answer?.drop();
  if (answer?.status === 201) return "mounted";
  const location = answer?.headers.get("Location");
  return answer && location ? client.next(answer.url, location) : undefined;
}

async function begin(client: Client, upload: Upload): Promise<URL> {
  const answer = await client.send({
    method: "POST",
    target: `/v2/${upload.repository}/blobs/uploads/`,
    headers: { "Content-Length": "0" },
    expect: [202],
    scopes: scopesOf(upload),
    tries: upload.patience.tries,
    signal: upload.signal,
  });
  await answer.drop();
  return sessionAfter(client, answer.url, answer.headers);
}

function sessionAfter(client: Client, from: URL, headers: Headers): URL {
  const location = headers.get("Location");
  if (location !== null) return client.next(from, location);
  throw new SampanError(
    "unavailable",
    `registry "${client.address.name}" began an upload without a Location`,
  );
}

async function sendTrying(client: Client, upload: Upload, first: URL | undefined): Promise<"uploaded"> {
  let session = first;
  let whole = true;
  for (let number = 1; ; number++) {
    try {
      const sent = session && number > 1 ? await progressOf(client, upload, session) : undefined;
      session = sent?.session ?? (number > 1 ? undefined : session) ?? (await begin(client, upload));
      if (sent === undefined && whole) await sendWhole(client, upload, session);
      else await sendRest(client, upload, { session, offset: sent?.offset ?? 0 });
      return "uploaded";
    } catch (error) {
      const code = error instanceof SampanError ? error.code : "unknown";
      const pieces = whole && inPiecesOnly.has(code);
      if (pieces) whole = false;
      const again = pieces || code === "unavailable" || code === "deadline_exceeded";
      if (!again || number >= upload.patience.tries) throw error;
      await upload.patience.wait(pauseBefore(number + 1, upload.patience), upload.signal);
      // The answer may have been lost after the registry took it all.
      if (await exists(client, upload)) return "uploaded";
    }
  }
}

/** How far a cut upload came; undefined when the registry does not say. */
async function progressOf(
  client: Client,
  upload: Upload,
  session: URL,
): Promise<{ session: URL; offset: number } | undefined> {
  const answer = await client
    .send({
      method: "GET",
      target: session,
      expect: [204],
      scopes: scopesOf(upload),
      signal: upload.signal,
      tries: 1,
    })
    .catch((error: unknown) => {
      if (upload.signal?.aborted) throw error;
      return undefined;
    });
  await answer?.drop();
  const range = /^(?:bytes=)?0-(\d{1,15})$/.exec(answer?.headers.get("Range") ?? "");
  const last = Number(range?.[1]);
  // "0-0" is said for one byte and for none alike: it is begun anew.
  if (!answer || !range || last === 0 || last >= upload.descriptor.size) return undefined;
  const location = answer.headers.get("Location");
  return { session: location ? client.next(answer.url, location) : session, offset: last + 1 };
}

async function sendWhole(client: Client, upload: Upload, session: URL): Promise<void> {
  const { size } = upload.descriptor;
  await finish(client, upload, { session, body: bodyOf(upload, 0, size), size });
}

async function sendRest(
  client: Client,
  upload: Upload,
  { session, offset }: { session: URL; offset: number },
): Promise<void> {
  const { size } = upload.descriptor;
  let place = session;
  for (let start = offset; start < size;) {
    const end = Math.min(start + chunkSize, size);
    const answer = await client.send({
      method: "PATCH",
      target: place,
      headers: {
        "Content-Type": "application/octet-stream",
        "Content-Length": String(end - start),
        "Content-Range": `${start}-${end - 1}`,
      },
      body: bodyOf(upload, start, end),
      expect: [201, 202, 204],
      scopes: scopesOf(upload),
      signal: upload.signal,
    });
    await answer.drop();
    place = sessionAfter(client, answer.url, answer.headers);
    start = end;
  }
  await finish(client, upload, { session: place, size: 0 });
}

async function finish(
  client: Client,
  upload: Upload,
  { session, body, size }: { session: URL; body?: MakeBody; size: number },
): Promise<void> {
  const target = new URL(session);
  target.searchParams.set("digest", upload.descriptor.digest);
  const answer = await client.send({
    method: "PUT",
    target,
    headers: { "Content-Type": "application/octet-stream", "Content-Length": String(size) },
    ...(body ? { body } : {}),
    expect: [201, 204],
    commits: true,
    scopes: scopesOf(upload),
    signal: upload.signal,
  });
  await answer.drop();
}

/** The file's bytes from `start` to `end`, read as the connection takes them. */
function bodyOf(upload: Upload, start: number, end: number): MakeBody {
  return (touch) => {
    const reader = Bun.file(upload.path).slice(start, end).stream().getReader();
    let sent = start;
    return new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          const { done, value } = await reader.read();
          touch(done);
          if (done) return controller.close();
          controller.enqueue(value);
          sent += value.length;
          upload.progress(sent);
        },
        cancel: () => reader.cancel(),
      },
      { highWaterMark: 0 },
    ) as unknown as Bun.BodyInit;
  };
}
