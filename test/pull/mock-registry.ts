/** A registry of this process that can do what a real one does not: cut, lie, stall, count. */
import type { Digest } from "../../src/spec/image/digest.ts";
import type { Blob, TestImage, TestIndex } from "../images/image.ts";

export interface MockRegistry extends AsyncDisposable {
  readonly host: string;
  /** `GET /v2/app/blobs/sha256:…`, in order. */
  readonly requests: string[];
  /** Answers a request instead of the registry, when it gives an answer. */
  intercept: ((request: Request, url: URL) => Response | Promise<Response> | undefined) | undefined;
  readonly bytesOf: (digest: Digest) => Uint8Array;
}

interface Served {
  readonly image?: TestImage;
  readonly index?: TestIndex;
}

/** Serves one image or index as every repository and tag. */
export function mockRegistry({ image, index }: Served): MockRegistry {
  const images = [...(image ? [image] : []), ...(index?.images ?? [])];
  const manifests = new Map<string, Blob>(
    images.map(({ manifest }) => [manifest.descriptor.digest, manifest]),
  );
  const top = index?.index ?? image?.manifest;
  if (!top) throw new Error("nothing to serve");
  manifests.set(top.descriptor.digest, top);
  const blobs = new Map<string, Uint8Array>(
    images
      .flatMap(({ config, layers }) => [config, ...layers])
      .map(({ descriptor, bytes }) => [descriptor.digest, bytes]),
  );
  const requests: string[] = [];
  const mock: { intercept: MockRegistry["intercept"] } = { intercept: undefined };
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: async (request) => {
      const url = new URL(request.url);
      requests.push(`${request.method} ${url.pathname}`);
      const own = await mock.intercept?.(request, url);
      if (own) return own;
      if (url.pathname === "/v2/") return new Response("{}");
      const [, kind = "", name = ""] = /\/(manifests|blobs)\/([^/]+)$/.exec(url.pathname) ?? [];
      if (kind === "manifests")
        return manifestAnswer(manifests.get(name) ?? (name.includes(":") ? undefined : top), request);
      const bytes = blobs.get(name);
      return bytes ? ranged(request, bytes) : new Response("{}", { status: 404 });
    },
  });
  return Object.assign(mock, {
    host: `127.0.0.1:${server.port}`,
    requests,
    bytesOf: (digest: Digest) => blobs.get(digest) ?? new Uint8Array(),
    [Symbol.asyncDispose]: () => server.stop(true),
  });
}

function manifestAnswer(manifest: Blob | undefined, request: Request): Response {
  if (!manifest) return new Response("{}", { status: 404 });
  const { mediaType, digest, size } = manifest.descriptor;
  const headers = { "Content-Type": mediaType, "Docker-Content-Digest": digest, "Content-Length": `${size}` };
  return new Response(request.method === "HEAD" ? null : (manifest.bytes as Uint8Array<ArrayBuffer>), {
    headers,
  });
}

export function ranged(request: Request, bytes: Uint8Array): Response {
  const from = Number(/^bytes=(\d+)-/.exec(request.headers.get("Range") ?? "")?.[1] ?? 0);
  const rest = bytes.slice(from);
  const partial = from > 0;
  const headers = partial ? { "Content-Range": `bytes ${from}-${bytes.length - 1}/${bytes.length}` } : {};
  return new Response(rest, { status: partial ? 206 : 200, headers });
}

/** The first `length` bytes, and then the end, as a proxy ends what its upstream broke off. */
export function cut(bytes: Uint8Array, length: number): Response {
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(bytes.slice(0, length));
      controller.close();
    },
  });
  return new Response(body);
}
