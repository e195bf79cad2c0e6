/** Where a mount comes to lie: what is missing is made, below the root and nowhere else, whatever links the image holds. */
import { describe, expect, test } from "bun:test";
import { lstatSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { O, PROC_SUPER_MAGIC, RESOLVE } from "../../src/kernel/linux.ts";
import { op, type IntsOf } from "../../src/runtime/native/plan/operations.ts";
import { builds, failure, privateMounts, scratch, shell, succeed } from "./_run.ts";

const EPERM = 1;
const EACCES = 13;
const ENOTDIR = 20;
const EINVAL = 22;
const ENAMETOOLONG = 36;
const ELOOP = 40;
const EXDEV = 18;

/** A root file system and beside it a folder of the host's that nothing may reach. */
function image() {
  const folder = scratch();
  const root = `${folder.path}/root`;
  mkdirSync(root);
  mkdirSync(`${folder.path}/host`);
  const untouched = () => {
    expect(readdirSync(folder.path).toSorted()).toEqual(["host", "root"]);
    expect(readdirSync(`${folder.path}/host`)).toEqual([]);
  };
  return { root, host: `${folder.path}/host`, untouched, [Symbol.dispose]: () => folder[Symbol.dispose]() };
}

type More = IntsOf<"mount_point">;

const operations = (root: string, path: string, more: More = {}) => [
  op("open", { path: root, flags: O.PATH | O.DIRECTORY, out: 20 }, "test"),
  op("mount_point", { dir: 20, path, resolve: RESOLVE.IN_ROOT, out: 21, ...more }, "test"),
];

describe.each(builds)("%s: a mount point", (build) => {
  /** The place below the root that was found or made. */
  async function place(root: string, path: string, more?: More): Promise<string> {
    const parent = [
      ...operations(root, path, more),
      op("dup", { slot: 21, fd: 0 }, "test"),
      shell("readlink /proc/self/fd/0"),
    ];
    const found = (await succeed({ parent }, { build })).trimEnd();
    expect(found).toStartWith(root);
    return found.slice(root.length) || "/";
  }
  const errno = async (root: string, path: string, more?: More) => {
    const report = await failure({ parent: operations(root, path, more) }, { build });
    expect(report.index).toBe(1);
    return report.errno;
  };

  test("that is there is taken as it is", async () => {
    using at = image();
    mkdirSync(`${at.root}/etc/deep`, { recursive: true });
    writeFileSync(`${at.root}/etc/file`, "");
    expect(await place(at.root, "/etc/deep")).toBe("/etc/deep");
    expect(await place(at.root, "/etc/file")).toBe("/etc/file");
    expect(await place(at.root, "/")).toBe("/");
    expect(await place(at.root, "")).toBe("/");
    expect(await place(at.root, "//etc///deep//")).toBe("/etc/deep");
    at.untouched();
  });

  test("that is missing is made with all above it, as a folder or as a file", async () => {
    using at = image();
    expect(await place(at.root, "/a/b/c")).toBe("/a/b/c");
    expect(await place(at.root, "x/y/file", { file: 1 })).toBe("/x/y/file");
    expect(await place(at.root, "/a//new///")).toBe("/a/new");
    expect(await place(at.root, "/a/./dot")).toBe("/a/dot");
    expect(await place(at.root, "/q/./dot/.")).toBe("/q/dot");
    expect(statSync(`${at.root}/a/b/c`).mode & 0o7777).toBe(0o755);
    expect(statSync(`${at.root}/x/y/file`)).toMatchObject({ size: 0 });
    expect(statSync(`${at.root}/x/y/file`).isFile()).toBe(true);
    at.untouched();
  });

  test("is a file or a folder as its source is", async () => {
    using at = image();
    const made = async (source: string, path: string) => {
      const open = op("open", { path: source, flags: O.PATH, out: 22 }, "test");
      const [root, point] = operations(at.root, path, { source: 22, file: 1 });
      if (root && point) await succeed({ parent: [root, open, point] }, { build });
      return statSync(at.root + path).isDirectory();
    };
    expect(await made("/etc/passwd", "/of/file")).toBe(false);
    expect(await made("/dev/null", "/of/device")).toBe(false);
    expect(await made("/etc", "/of/folder")).toBe(true);
  });

  test.each([
    ["an absolute link to what is there", "/target", "/target"],
    ["a link that climbs", "../../../../target", "/target"],
    ["a link with a slash behind it", "target/", "/target"],
  ])("follows %s inside the root", async (_, link, wanted) => {
    using at = image();
    mkdirSync(`${at.root}/target`);
    symlinkSync(link, `${at.root}/link`);
    expect(await place(at.root, "/link")).toBe(wanted);
    expect(await place(at.root, "/link/below")).toBe(`${wanted}/below`);
    at.untouched();
  });

  test.each([
    ["absolute", "/made/here", "/made/here"],
    ["relative", "made/here", "/links/made/here"],
    ["climbing", "../made/here", "/made/here"],
    ["climbing above the root", "../../../../../made/here", "/made/here"],
  ])("is made where a dangling %s link leads, below the root", async (_, link, wanted) => {
    for (const file of [0, 1]) {
      using at = image();
      mkdirSync(`${at.root}/links`);
      symlinkSync(link, `${at.root}/links/link`);
      expect(await place(at.root, "/links/link", { file })).toBe(wanted);
      expect(statSync(at.root + wanted).isDirectory()).toBe(file === 0);
      expect(lstatSync(`${at.root}/links/link`).isSymbolicLink()).toBe(true);
      at.untouched();
    }
  });

  test("goes on behind a dangling link in the middle of its path", async () => {
    using at = image();
    symlinkSync("/run", `${at.root}/var-run`);
    expect(await place(at.root, "/var-run/a/b", { file: 1 })).toBe("/run/a/b");
    at.untouched();
  });

  test("follows a chain of dangling links", async () => {
    using at = image();
    for (let i = 0; i < 20; i++) symlinkSync(`/link${i + 1}`, `${at.root}/link${i}`);
    expect(await place(at.root, "/link0/x")).toBe("/link20/x");
    at.untouched();
  });

  test("cannot lie outside the root by a link to a folder of the host", async () => {
    using at = image();
    symlinkSync(at.host, `${at.root}/absolute`);
    symlinkSync("../host", `${at.root}/relative`);
    expect(await place(at.root, "/absolute/x")).toBe(`${at.host}/x`);
    expect(await place(at.root, "/relative/x")).toBe("/host/x");
    at.untouched();
  });

  test("may climb through folders that are there, but not out of the root", async () => {
    using at = image();
    mkdirSync(`${at.root}/a/b`, { recursive: true });
    expect(await place(at.root, "/a/b/../c")).toBe("/a/c");
    expect(await place(at.root, "../../../../d")).toBe("/d");
    at.untouched();
  });

  test("that climbs out of what is not there is refused", async () => {
    using at = image();
    expect(await errno(at.root, "/missing/../x")).toBe(EINVAL);
    at.untouched();
  });

  test("behind links that form a ring is refused", async () => {
    using at = image();
    symlinkSync("/two", `${at.root}/one`);
    symlinkSync("/one", `${at.root}/two`);
    symlinkSync("itself/x", `${at.root}/itself`);
    for (const path of ["/one", "/one/x", "/itself", "/itself/y"])
      expect({ path, errno: await errno(at.root, path) }).toEqual({ path, errno: ELOOP });
    at.untouched();
  });

  test("below a file is refused", async () => {
    using at = image();
    writeFileSync(`${at.root}/file`, "");
    symlinkSync("/file", `${at.root}/link`);
    expect(await errno(at.root, "/file/x")).toBe(ENOTDIR);
    expect(await errno(at.root, "/link/x")).toBe(ENOTDIR);
    at.untouched();
  });

  test("that has no links where none are allowed is found, and one with links is refused", async () => {
    using at = image();
    mkdirSync(`${at.root}/real`);
    symlinkSync("/real", `${at.root}/link`);
    symlinkSync("/missing", `${at.root}/dangling`);
    const resolve = RESOLVE.IN_ROOT | RESOLVE.NO_SYMLINKS;
    expect(await place(at.root, "/real/new", { resolve })).toBe("/real/new");
    expect(await errno(at.root, "/link", { resolve })).toBe(ELOOP);
    expect(await errno(at.root, "/link/x", { resolve })).toBe(ELOOP);
    expect(await errno(at.root, "/dangling", { resolve })).toBe(ELOOP);
    at.untouched();
    expect(readdirSync(at.root).toSorted()).toEqual(["dangling", "link", "real"]);
  });

  test("whose path is too long is refused", async () => {
    using at = image();
    expect(await errno(at.root, "/a".repeat(2048))).toBe(ENAMETOOLONG);
    expect(await errno(at.root, `/${"n".repeat(256)}`)).toBe(ENAMETOOLONG);
    expect(readdirSync(at.root)).toEqual([]);
    symlinkSync(`/${"d/".repeat(2000)}`, `${at.root}/long`);
    expect(await errno(at.root, `/long/${"e/".repeat(100)}`)).toBe(ENAMETOOLONG);
  });

  test("as deep as a path can be is made", async () => {
    using at = image();
    expect(await place(at.root, "/d".repeat(1000))).toBe("/d".repeat(1000));
  });

  test("without a root is made where its absolute path says", async () => {
    using at = image();
    const parent = [
      op("chdir", { path: at.host }, "test"),
      op("mount_point", { path: `${at.root}/p/q`, out: 21 }, "test"),
    ];
    await succeed({ parent }, { build });
    expect(statSync(`${at.root}/p/q`).isDirectory()).toBe(true);
    at.untouched();
  });

  test("on a denied file system is refused", async () => {
    using at = image();
    mkdirSync(`${at.root}/proc`);
    const mount = op("mount", { source: "proc", target: `${at.root}/proc`, type: "proc" }, "test");
    const denied = (path: string) => [
      ...privateMounts(),
      mount,
      ...operations(at.root, path, { denied: PROC_SUPER_MAGIC }),
    ];
    const { errno: number, index } = await failure({ parent: denied("/proc/self") }, { build });
    expect({ number, index }).toEqual({ number: EPERM, index: 4 });
    await succeed({ parent: denied("/fine") }, { build });
  });

  test("that the caller may not make is refused with what the kernel says", async () => {
    using at = image();
    const user = [op("setgid", { id: 1000 }, "test"), op("setuid", { id: 1000 }, "test")];
    const [root, point] = operations(at.root, "/new");
    const parent = [root, ...user, point].filter((operation) => operation !== undefined);
    expect((await failure({ parent }, { build })).errno).toBe(EACCES);
  });

  test("is found although the host is busy with renames", async () => {
    using at = image();
    mkdirSync(`${at.root}/a/b`, { recursive: true });
    const racer = Bun.spawn(["sh", "-c", `cd ${at.host}; mkdir x; echo; while :; do mv x y; mv y x; done`], {
      stdout: "pipe",
    });
    try {
      await racer.stdout.getReader().read();
      for (let i = 0; i < 20; i++) expect(await place(at.root, `/a/b/../new${i}`)).toBe(`/a/new${i}`);
    } finally {
      racer.kill();
      await racer.exited;
    }
  });

  test("that climbs is refused where all must lie beneath", async () => {
    using at = image();
    expect(await errno(at.root, "../x", { resolve: RESOLVE.BENEATH })).toBe(EXDEV);
  });
});
