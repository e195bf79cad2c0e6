/** Test images to a loopback registry, by the plainest requests: not by the client that is under test. */
import type { Blob, TestImage, TestIndex } from "./image.ts";

export interface Target {
  /** `http://127.0.0.1:5000`. */
  readonly url: string;
  /** `library/app`. */
  readonly repository: string;
  readonly auth?: { readonly username: string; readonly secret: string };
  /** PEM of the authority that signed the registry's certificate. */
  readonly ca?: string;
}

/** The tag, or with `undefined` the digest only. */
export async function pushImage(target: Target, image: TestImage, tag?: string): Promise<void> {
  for (const blob of [image.config, ...image.layers]) await pushBlob(target, blob);
  await pushManifest(target, image.manifest, tag);
}

export async function pushIndex(target: Target, index: TestIndex, tag?: string): Promise<void> {
  for (const image of index.images) await pushImage(target, image);
  await pushManifest(target, index.index, tag);
}

export async function pushBlob(target: Target, { descriptor, bytes }: Blob): Promise<void> {
  const begun = await send(target, `/v2/${target.repository}/blobs/uploads/`, { method: "POST" });
  const place = new URL(begun.headers.get("Location") ?? "", target.url);
  place.searchParams.set("digest", descriptor.digest);
  await send(target, place.href, { method: "PUT", body: bytes as Uint8Array<ArrayBuffer> });
}

export async function pushManifest(target: Target, manifest: Blob, tag?: string): Promise<void> {
  await send(target, `/v2/${target.repository}/manifests/${tag ?? manifest.descriptor.digest}`, {
    method: "PUT",
    body: manifest.bytes as Uint8Array<ArrayBuffer>,
    headers: { "Content-Type": manifest.descriptor.mediaType },
  });
}

async function send(target: Target, path: string, init: RequestInit): Promise<Response> {
  const headers = new Headers(init.headers);
  if (target.auth)
    headers.set("Authorization", `Basic ${btoa(`${target.auth.username}:${target.auth.secret}`)}`);
  const response = await fetch(new URL(path, target.url), {
    ...init,
    headers,
    ...(target.ca === undefined ? {} : { tls: { ca: target.ca } }),
  });
  if (!response.ok)
    throw new Error(`${init.method} ${path}: ${response.status} ${(await response.text()).slice(0, 500)}`);
  await response.arrayBuffer();
  return response;
}
