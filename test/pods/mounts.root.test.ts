/** What pods mount: folders over what the container has of its own, and mounts that are passed on. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "bun:test";
import type { Mount } from "../../src/spec/docker/create.ts";
import { MS } from "../../src/kernel/linux.ts";
import { mount, unmount } from "../../src/kernel/mounts.ts";
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
