/** The image of all tests: busybox with a link for each of its commands, two users, and nothing else. */
import { createHash } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { output } from "./_ran.ts";

const busybox = "/usr/bin/busybox";

/** The root file system as a folder. */
export async function makeRootfs(folder: string): Promise<string> {
  for (const name of ["bin", "etc", "tmp", "root", "proc", "dev", "sys", "home/user"])
    mkdirSync(join(folder, name), { recursive: true });
  chmodSync(join(folder, "tmp"), 0o1777);
  copyFileSync(busybox, join(folder, "bin/busybox"));
  for (const name of (await output([busybox, "--list"])).trim().split("\n"))
    if (name !== "busybox") symlinkSync("busybox", join(folder, "bin", name));
  writeFileSync(
    join(folder, "etc/passwd"),
    "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:user:/home/user:/bin/sh\n",
  );
  writeFileSync(join(folder, "etc/group"), "root:x:0:\nuser:x:1000:\nextra:x:2000:\n");
  return folder;
}

/** The root file system as an archive, which `docker import` and `podman import` read. */
export async function makeArchive(folder: string): Promise<string> {
  const rootfs = await makeRootfs(join(folder, "rootfs"));
  const archive = join(folder, "image.tar");
  await output(["tar", "-C", rootfs, "--numeric-owner", "-cf", archive, "."]);
  return archive;
}

/** OCI image specification 1.1, image-layout.md: an index, a manifest, a configuration and one layer, packed. */
export async function makeLayout(folder: string, name: string): Promise<string> {
  const layer = readFileSync(await makeArchive(folder));
  const layout = join(folder, "layout");
  mkdirSync(join(layout, "blobs/sha256"), { recursive: true });
  const put = (mediaType: string, content: Uint8Array | object) => {
    const bytes = content instanceof Uint8Array ? content : new TextEncoder().encode(JSON.stringify(content));
    const hex = createHash("sha256").update(bytes).digest("hex");
    const blob = join(layout, "blobs/sha256", hex);
    writeFileSync(blob, bytes);
    return { mediaType, digest: `sha256:${hex}`, size: statSync(blob).size };
  };
  const layerEntry = put("application/vnd.oci.image.layer.v1.tar", layer);
  const config = put("application/vnd.oci.image.config.v1+json", {
    architecture: process.arch === "arm64" ? "arm64" : "amd64",
    os: "linux",
    config: { Env: ["PATH=/bin"], Cmd: ["sh"] },
    rootfs: { type: "layers", diff_ids: [layerEntry.digest] },
  });
  const mediaType = "application/vnd.oci.image.manifest.v1+json";
  const manifest = put(mediaType, { schemaVersion: 2, mediaType, config, layers: [layerEntry] });
  const annotations = { "io.containerd.image.name": name };
  writeFileSync(join(layout, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
  writeFileSync(
    join(layout, "index.json"),
    JSON.stringify({ schemaVersion: 2, manifests: [{ ...manifest, annotations }] }),
  );
  const archive = join(folder, "layout.tar");
  await output(["tar", "-C", layout, "-cf", archive, "."]);
  return archive;
}
