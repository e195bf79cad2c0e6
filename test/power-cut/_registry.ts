/** A registry of a few images in memory, over plain HTTP on loopback; what it answers can be spoilt. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Blob, TestImage } from "../images/image.ts";

export interface SmallRegistry extends AsyncDisposable {
  /** `127.0.0.1:41234`. */
  readonly host: string;
  /** True when it has answered and nothing else shall be. */
  spoil: ((request: Asked, response: ServerResponse) => boolean) | undefined;
  /** What was asked for since the beginning: `GET blob sha256:…`. */
  readonly asked: string[];
}

export interface Asked {
  readonly method: string;
  readonly kind: "ping" | "manifest" | "blob" | "other";
  /** The tag or digest. */
  readonly reference: string;
  readonly blob: Blob | undefined;
  readonly range: string | undefined;
}

/** `images`: by `repository:tag`. */
export async function serve(images: Readonly<Record<string, TestImage>>): Promise<SmallRegistry> {
  const blobs = new Map<string, Blob>();
  for (const [name, image] of Object.entries(images)) {
    blobs.set(name.slice(name.lastIndexOf(":") + 1), image.manifest);
    for (const blob of [image.manifest, image.config, ...image.layers])
      blobs.set(blob.descriptor.digest, blob);
  }
  const server = createServer((request, response) => {
    const asked = read(request, blobs);
    registry.asked.push(`${asked.method} ${asked.kind} ${asked.reference}`);
    if (!registry.spoil?.(asked, response)) answer(asked, response);
  });
  const listening = Promise.withResolvers<void>();
  server.listen(0, "127.0.0.1", listening.resolve);
  await listening.promise;
  const registry: SmallRegistry = {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    spoil: undefined,
    asked: [],
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      const closed = Promise.withResolvers<void>();
      server.close(() => closed.resolve());
      await closed.promise;
    },
  };
  return registry;
}

function read(request: IncomingMessage, blobs: ReadonlyMap<string, Blob>): Asked {
  const url = new URL(request.url ?? "/", "http://registry");
  const match = /\/(manifests|blobs)\/([^/]+)$/.exec(url.pathname);
  const reference = match?.[2] ?? "";
  return {
    method: request.method ?? "GET",
    kind: match ? (match[1] === "blobs" ? "blob" : "manifest") : url.pathname === "/v2/" ? "ping" : "other",
    reference,
    blob: blobs.get(reference),
    range: request.headers.range,
  };
}

export function answer({ method, kind, blob, range }: Asked, response: ServerResponse): void {
  if (kind === "ping") {
    response.writeHead(200).end();
    return;
  }
  if (!blob) {
    response.writeHead(404, { "Content-Type": "application/json" }).end(`{"errors":[{"code":"UNKNOWN"}]}`);
    return;
  }
  const start = Number(/^bytes=(\d+)-/.exec(range ?? "")?.[1] ?? 0);
  const bytes = blob.bytes.subarray(start);
  response.writeHead(range === undefined ? 200 : 206, {
    "Content-Type": kind === "blob" ? "application/octet-stream" : blob.descriptor.mediaType,
    "Content-Length": bytes.length,
    "Docker-Content-Digest": blob.descriptor.digest,
    ...(range === undefined
      ? {}
      : { "Content-Range": `bytes ${start}-${blob.bytes.length - 1}/${blob.bytes.length}` }),
  });
  response.end(method === "HEAD" ? undefined : bytes);
}
