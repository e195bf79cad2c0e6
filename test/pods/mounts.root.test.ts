/** What pods mount: folders over what the container has of its own, mounts that are passed on, and images. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "bun:test";
import { load } from "../../src/engine/images/load.ts";
import type { Mount } from "../../src/spec/docker/create.ts";
import { MS } from "../../src/kernel/linux.ts";
import { mount, unmount } from "../../src/kernel/mounts.ts";
import { makeImage } from "../images/image.ts";
import { tar } from "../images/tar.ts";
import { needing } from "../needs.ts";
import { needs, World } from "./_world.ts";

const { test } = needing(needs);

const ranges = [{ containerID: 0, hostID: 300_000, size: 65_536 }];
const userns = { uids: ranges, gids: ranges };

/** A folder of the host with a file in it. */
function folderIn(world: World, name: string): string {
  const folder = join(world.folder, name);
  mkdirSync(folder, { mode: 0o777 });
  writeFileSync(join(folder, "file"), name);
  return folder;
}

const bind = (Source: string, Target: string, more: Partial<Mount> = {}): Mount => ({
  Type: "bind",
  Source,
  Target,
  ...more,
});

test.each([{}, { userns }])(
  "a folder over /dev/shm, /dev/mqueue or below /dev is what is there: pod %j",
  async (more) => {
    await using world = await World.open();
    const { id } = await world.pod({ network: "none", ...more });
    const folder = folderIn(world, "memory");
    for (const place of ["/dev/shm", "/dev/mqueue", "/dev/own/deep"]) {
      const said = await world.run(id, `cat ${place}/file; echo; echo x >/dev/null; ls /dev`, {
        Mounts: [bind(folder, place)],
      });
      expect(said).toStartWith("memory\n");
      expect(said.split("\n")).toContain("urandom");
    }
  },
);

test.each([{}, { userns }])(
  "a folder over /dev is all that is there, what is hidden stays hidden, and no null device of its own is used: pod %j",
  async (more) => {
    await using world = await World.open();
    const { id } = await world.pod({ network: "none", ...more });
    const folder = folderIn(world, "devices");
    const script = "cat /dev/file; echo; ls /dev; cat /proc/interrupts; ls /sys/firmware";
    const made = await world.make(id, [script], {
      host: { Mounts: [bind(folder, "/dev")] },
      ...(more.userns && { extras: { idmaps: { "/dev": userns } } }),
    });
    expect(await world.hear(made.id)).toBe("devices\nfile\nmqueue\npts\nshm\n");
    expect(existsSync(join(folder, "null"))).toBe(false);
    writeFileSync(join(folder, "null"), "forged");
    expect(await world.hear(made.id)).toBe("devices\nfile\nmqueue\nnull\npts\nshm\n");
  },
);

test("a folder over /etc has the pod's files in it, and one that is read-only is what is there", async () => {
  await using world = await World.open();
  const { id } = await world.pod({ network: "none", hostname: "boat" });
  const [open, shut] = [folderIn(world, "open"), folderIn(world, "shut")];
  const list = "ls /etc; cat /etc/hostname 2>/dev/null";
  expect(await world.run(id, list, { Mounts: [bind(open, "/etc")] })).toBe(
    "file\nhostname\nhosts\nresolv.conf\nboat\n",
  );
  expect(await world.run(id, list, { Mounts: [bind(shut, "/etc", { ReadOnly: true })] })).toBe("file\n");
});

test("a read-only folder is read-only with all below it, where that is asked for", async () => {
  await using world = await World.open();
  const { id } = await world.pod({ network: "none" });
  const folder = folderIn(world, "tree");
  const below = join(folder, "below");
  mkdirSync(below);
  mount({ type: "tmpfs", source: "t", target: below, flags: 0, data: "size=64k" });
  try {
    const said = await world.run(
      id,
      "for p in /top/below/x /tree/below/x; do touch $p 2>/dev/null && echo $p; done",
      {
        Mounts: [
          bind(folder, "/top", { ReadOnly: true, BindOptions: { ReadOnlyNonRecursive: true } }),
          bind(folder, "/tree", { ReadOnly: true, BindOptions: { ReadOnlyForceRecursive: true } }),
        ],
      },
    );
    expect(said).toBe("/top/below/x\n");
  } finally {
    unmount(below);
  }
});

test("mounts go from the host to a container and from it to the host as is asked for", async () => {
  await using world = await World.open();
  const { id } = await world.pod({ network: "none" });
  const folder = folderIn(world, "shared");
  mount({ type: "bind", source: folder, target: folder, flags: MS.BIND, data: "" });
  try {
    mount({ type: "none", source: "none", target: folder, flags: MS.SHARED, data: "" });
    for (const name of ["host", "back"]) mkdirSync(join(folder, name));
    const wait = "until [ -e /in/host/late ]; do sleep 0.01; done; echo came; ls /not/host";
    const container = await world.make(id, [`mount -t tmpfs t /out/back; ${wait}; ls /in/back`], {
      host: {
        CapAdd: ["SYS_ADMIN"],
        SecurityOpt: ["seccomp=unconfined"],
        Mounts: [
          bind(folder, "/in", { BindOptions: { Propagation: "rslave" } }),
          bind(folder, "/out", { BindOptions: { Propagation: "rshared" } }),
          bind(folder, "/not", { BindOptions: { Propagation: "rprivate" } }),
        ],
      },
    });
    const said = world.hear(container.id);
    const isThere = () => readFileSync("/proc/self/mountinfo", "utf8").includes(`${folder}/back `);
    while (!isThere()) await Bun.sleep(5);
    mount({ type: "tmpfs", source: "t", target: join(folder, "host"), flags: 0, data: "size=64k" });
    writeFileSync(join(folder, "host/late"), "");
    expect(await said).toBe("came\n");
  } finally {
    for (const path of [join(folder, "back"), join(folder, "host"), folder]) unmount(path);
  }
});

/** Two layers, so that an overlay shows it, or one, which is bound; with links that point at its own root and out of it. */
async function* artifact(name: string, layers: number): AsyncGenerator<Uint8Array> {
  const image = makeImage({
    format: "docker",
    layers: [
      [
        { name: "models/", type: "directory" as const, mode: 0o755 },
        { name: "models/small", content: "weights", mode: 0o600 },
        { name: "absolute", type: "symlink" as const, target: "/models" },
        { name: "out", type: "symlink" as const, target: "../../../../../etc" },
      ],
      [{ name: "second", content: "2", mode: 0o644 }],
    ].slice(0, layers),
    config: {},
  });
  const files = image.layers.map(({ descriptor }) => `${descriptor.digest.slice(7)}.tar`);
  yield await Promise.resolve(
    tar([
      {
        name: "manifest.json",
        content: JSON.stringify([{ Config: "config.json", RepoTags: [name], Layers: files }]),
      },
      { name: "config.json", content: image.config.bytes },
      ...image.layers.map(({ bytes }, at) => ({ name: files[at] ?? "", content: bytes })),
    ]),
  );
}

const imageMount = (Source: string, Subpath?: string): Mount => ({
  Type: "image",
  Source,
  Target: "/art",
  ...(Subpath !== undefined && { ImageOptions: { Subpath } }),
});

test.each([
  [1, {}],
  [2, {}],
  [1, { userns }],
  [2, { userns }],
])("an image of %d layers is a volume of the pod's own root: pod %j", async (layers, more) => {
  await using world = await World.open();
  const name = `docker.io/library/artifact:${layers}`;
  await load(world.engine, artifact(name, layers));
  const { id } = await world.pod({ network: "none", ...more });
  const said = await world.run(id, "cat /art/models/small; stat -c ' %u' /art/models; touch /art/x", {
    Mounts: [imageMount(name)],
  });
  expect(said).toBe("weights 0\ntouch: /art/x: Read-only file system\n");
});

test("an image is never what /proc is (CVE-2019-16884)", async () => {
  await using world = await World.open();
  const name = "docker.io/library/artifact:1";
  await load(world.engine, artifact(name, 1));
  const { id } = await world.pod({ network: "none" });
  for (const Target of ["/proc", "/proc/self/attr"]) {
    const refused = world.run(id, "true", { Mounts: [{ Type: "image", Source: name, Target }] });
    expect(await refused.then(() => "", String)).toContain("cannot");
  }
});

test("a part of an image is found below its own root, wherever its links point", async () => {
  await using world = await World.open();
  const name = "docker.io/library/artifact:2";
  await load(world.engine, artifact(name, 2));
  const { id } = await world.pod({ network: "none" });
  for (const part of ["models", "absolute"])
    expect(await world.run(id, "cat /art/small", { Mounts: [imageMount(name, part)] })).toBe("weights");
  expect(await world.run(id, "cat /art", { Mounts: [imageMount(name, "models/small")] })).toBe("weights");
  const refusals: string[] = [];
  for (const part of ["out", "nothing", "models/../../etc", "/models"])
    await world.run(id, "true", { Mounts: [imageMount(name, part)] }).catch((error: unknown) => {
      refusals.push(String(error));
    });
  expect(refusals).toEqual([
    expect.stringContaining("it is not there, or leads out"),
    expect.stringContaining("it is not there, or leads out"),
    expect.stringContaining("is not a relative path"),
    expect.stringContaining("is not a relative path"),
  ]);
});
