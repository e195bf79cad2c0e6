/** The archives that are loaded: the same file for all who load. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import { tar, type TarEntry } from "../../test/images/tar.ts";
import { output } from "../_command.ts";

interface Blob {
  readonly digest: string;
}

/** A pushed image as an OCI layout in a tar file, under the name that it has in the registry. */
export async function layoutArchive(reference: string, archive: string): Promise<void> {
  const [, host, repository, tag] = /^([^/]+)\/(.+):(\w+)$/.exec(reference) ?? [];
  const folder = `${archive}.layout`;
  const url = `http://${host}/v2/${repository}`;
  const put = async (digest: string, body: Response) => {
    if (!body.ok) throw new Error(`${body.url}: ${body.status}`);
    const path = join(folder, "blobs", digest.replace(":", "/"));
    mkdirSync(dirname(path), { recursive: true });
    await Bun.write(path, body);
  };
  const mediaType = "application/vnd.oci.image.manifest.v1+json";
  const bytes = Buffer.from(
    await (await fetch(`${url}/manifests/${tag}`, { headers: { Accept: mediaType } })).arrayBuffer(),
  );
  const manifest = JSON.parse(bytes.toString()) as { config: Blob; layers: Blob[] };
  for (const { digest } of [manifest.config, ...manifest.layers])
    await put(digest, await fetch(`${url}/blobs/${digest}`));
  const digest = digestOf(bytes);
  await put(digest, new Response(bytes));
  const annotations = {
    "org.opencontainers.image.ref.name": reference,
    "io.containerd.image.name": reference,
  };
  const index = { schemaVersion: 2, manifests: [{ mediaType, digest, size: bytes.length, annotations }] };
  writeFileSync(join(folder, "index.json"), JSON.stringify(index));
  writeFileSync(join(folder, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
  await output(["tar", "-C", folder, "-cf", archive, "oci-layout", "index.json", "blobs"]);
  rmSync(folder, { recursive: true });
}

/** So many images with a configuration of their own each, on one small layer, as one of docker's archives. */
export async function manyArchive(archive: string, count: number): Promise<void> {
  const layer = tar([{ name: "file", content: "the same in all" }]);
  const entries: TarEntry[] = [{ name: "layer.tar", content: layer }];
  const manifest = [];
  for (let image = 0; image < count; image++) {
    const config = Buffer.from(
      JSON.stringify({
        architecture: process.arch === "arm64" ? "arm64" : "amd64",
        os: "linux",
        created: new Date(Date.UTC(2026, 0, 1) + image * 1000).toISOString(),
        config: { Labels: { image: String(image) } },
        rootfs: { type: "layers", diff_ids: [digestOf(layer)] },
        history: [{ created_by: `image ${image}` }],
      }),
    );
    const name = `${digestOf(config).slice("sha256:".length)}.json`;
    entries.push({ name, content: config });
    manifest.push({ Config: name, RepoTags: [`localhost/many/image-${image}:1`], Layers: ["layer.tar"] });
  }
  entries.push({ name: "manifest.json", content: JSON.stringify(manifest) });
  await Bun.write(archive, tar(entries));
}

function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}
