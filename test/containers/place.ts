/** An engine's parts around one image: busybox, unpacked by hand. Real store, snapshots, leases and containers; real runtime. */
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createContainer } from "../../src/engine/containers/create.ts";
import { openContainers } from "../../src/engine/containers/open.ts";
import type { ContainerInfo } from "../../src/engine/containers/containers.ts";
import { openLeases } from "../../src/engine/gc/leases.ts";
import type { Engine } from "../../src/engine/engine.ts";
import type { Images, LocalImage } from "../../src/engine/images/images.ts";
import { Overlayfs } from "../../src/engine/snapshots/overlayfs.ts";
import type { Snapshotter } from "../../src/engine/snapshots/snapshotter.ts";
import { openStore } from "../../src/engine/store/open.ts";
import type { Store } from "../../src/engine/store/store.ts";
import type { Unpacker } from "../../src/engine/unpack/unpack.ts";
import { unmount } from "../../src/kernel/mounts.ts";
import { digestOf } from "../../src/spec/image/digest.ts";
import type { ImageConfigRun } from "../../src/spec/image/types.ts";
import { liveOf, runToEnd, type Done, type Parts } from "./live.ts";
import { createOf, type Asked } from "./request.ts";
import { commitImage, mountsBelow, work } from "../snapshots/place.ts";

export const needs = { root: true, programs: ["busybox"], files: ["build/launcher"] } as const;
const applets =
  "sh cat echo env false grep head hostname id ip ls mount pwd sleep stat test touch true wc".split(" ");

/** A root file system with busybox and root in /etc/passwd. */
export function busyboxRoot(root: string): void {
  for (const name of ["bin", "etc", "proc", "dev", "sys", "tmp", "root"])
    mkdirSync(join(root, name), { recursive: true });
  copyFileSync(Bun.which("busybox") ?? "", join(root, "bin/busybox"));
  for (const name of applets) symlinkSync("busybox", join(root, "bin", name));
  writeFileSync(
    join(root, "etc/passwd"),
    "root:x:0:0::/root:/bin/sh\nuser:x:1000:1001::/home/user:/bin/sh\n",
  );
  writeFileSync(join(root, "etc/group"), "root:x:0:\nusers:x:1001:\nextra:x:1002:user\n");
}

type MakeSnapshotter = (store: Store) => Snapshotter;
const overlays: MakeSnapshotter = (store) => new Overlayfs(store, work, { mapsIds: true });

/** Of a place, also of another process's. */
export function partsAt(
  dir: string,
  snapshotter: MakeSnapshotter = overlays,
  image: () => ImageConfigRun = () => ({}),
): Parts {
  const store = openStore(join(dir, "data"));
  return {
    store,
    settings: { root: store.root, state: join(dir, "state") } as Engine["settings"],
    snapshots: snapshotter(store),
    leases: openLeases(store),
    containers: openContainers(store),
    unpacker: work as Unpacker,
    images: oneImage(image),
  };
}

function oneImage(image: () => ImageConfigRun): Images {
  const descriptor = { mediaType: "manifest", digest: digestOf("target"), size: 1 };
  const get = () =>
    ({
      id: digestOf("config"),
      target: descriptor,
      manifest: descriptor,
      layers: [{ chainId: digestOf("layer 0") }],
    }) as unknown as LocalImage;
  const config = async () => await Promise.resolve({ config: image() });
  return { get, config } as unknown as Images;
}

export class Place implements Disposable {
  readonly dir = mkdtempSync(join(tmpdir(), "sampan-containers-"));
  readonly parts: Parts;
  image: ImageConfigRun = {};

  constructor(snapshotter: MakeSnapshotter = overlays) {
    // Root of a user namespace has to get to its root file system below.
    chmodSync(this.dir, 0o711);
    this.parts = partsAt(this.dir, snapshotter, () => this.image);
  }

  /** Unpacks the image: `write` may change what is in it. */
  async fill(image: ImageConfigRun = {}, write: (root: string) => void = () => undefined): Promise<void> {
    this.image = image;
    const layer = { write: (root: string) => (busyboxRoot(root), write(root)) };
    await commitImage(this.parts.snapshots, [layer]);
    const target = digestOf("target");
    this.parts.store.db
      .query(
        "INSERT INTO images (target, media_type, size, stored, sequence) VALUES (?, 'manifest', 1, 1, 1)",
      )
      .run(target);
  }

  async create(request: Asked = {}): Promise<ContainerInfo> {
    return await createContainer(this.parts, createOf(request));
  }

  /** Creates and runs to the end. */
  async run(request: Asked): Promise<Done> {
    return await this.start(await this.create(request));
  }

  async start({ id }: Pick<ContainerInfo, "id">): Promise<Done> {
    const runc = Bun.which("runc");
    const live = liveOf(
      this.parts,
      runc === null ? {} : { externals: { runc: { path: runc, args: [], cannot: [] } } },
    );
    await using _tasks = live.tasks;
    return await runToEnd(live, id);
  }

  /** config.json of the container that ran last, or of this one. */
  spec(id: string): unknown {
    return JSON.parse(readFileSync(join(this.parts.store.root, "containers", id, "config.json"), "utf8"));
  }

  mounts(): string[] {
    return mountsBelow(this.dir);
  }

  [Symbol.dispose](): void {
    for (const mount of this.mounts().toReversed()) unmount(mount);
    this.parts.store[Symbol.dispose]();
    if (existsSync(this.dir)) rmSync(this.dir, { recursive: true, force: true });
  }
}
