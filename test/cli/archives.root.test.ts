/** The command line with its real engine: archives in and out, images made of containers, and what changed between them. */
import { afterAll, beforeAll, expect } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { tar } from "../images/tar.ts";
import { needing } from "../needs.ts";
import { makeProgram, type Program } from "./_program.ts";

const { test } = needing({ root: true, programs: ["tar"], files: ["/bin/busybox", "build/launcher"] });

let program: Program;
let id = "";

beforeAll(() => {
  program = makeProgram();
});
afterAll(() => program?.[Symbol.dispose]());

test("import makes an image of a root file system, with a configuration", async () => {
  const root = tar([
    { name: "bin/", type: "directory", mode: 0o755 },
    { name: "bin/busybox", content: await Bun.file("/bin/busybox").bytes(), mode: 0o755 },
    { name: "bin/sh", type: "symlink", target: "busybox" },
    { name: "bin/cat", type: "symlink", target: "busybox" },
    { name: "bin/rm", type: "symlink", target: "busybox" },
    { name: "etc/", type: "directory", mode: 0o755 },
    { name: "etc/old", content: "old\n" },
    { name: "etc/kept", content: "kept\n" },
  ]);
  const args = [
    "import",
    "-c",
    'CMD ["/bin/cat","/etc/kept"]',
    "-c",
    "LABEL stage=one",
    "-m",
    "made",
    "-",
    "box:1",
  ];
  const made = await program.run(args, root);
  expect(made.err).toBe("");
  expect(made.out).toMatch(/^sha256:[0-9a-f]{64}\n$/);
  id = made.out.trim();
  expect(
    (await program.run(["inspect", "-f", "{{.Id}} {{.Comment}} {{.Config.Labels.stage}}", "box:1"])).out,
  ).toBe(`${id} made one\n`);
  expect(await program.run(["run", "--rm", "box:1"])).toEqual({ status: 0, out: "kept\n", err: "" });
});

test("commit keeps a container's changes, export its whole tree", async () => {
  const change = "echo new > /etc/new; echo more >> /etc/kept; rm /etc/old";
  expect((await program.run(["run", "--name", "changed", "box:1", "/bin/sh", "-c", change])).status).toBe(0);
  const committed = await program.run(["commit", "-m", "changed", "-c", "USER 1:1", "changed", "box:2"]);
  expect(committed).toMatchObject({ status: 0, err: "" });
  expect((await program.run(["history", "--format", "{{.Comment}}", "box:2"])).out).toBe("changed\nmade\n");
  const path = join(program.folder, "tree.tar");
  expect(await program.run(["export", "-o", path, "changed"])).toEqual({ status: 0, out: "", err: "" });
  const listed = Bun.spawnSync(["tar", "-tf", path]).stdout.toString().split("\n");
  expect(listed).toContain("etc/new");
  expect(listed).not.toContain("etc/old");
  await program.run(["rm", "changed"]);
});

test("image diff says what the commit changed", async () => {
  const { out, status, err } = await program.run(["image", "diff", "box:1", "box:2"]);
  expect({ status, err }).toEqual({ status: 0, err: "" });
  expect(out).toStartWith("Layers: 1 shared\n  + ");
  expect(out).toMatch(/^ +\+4B {2}\+ \/etc\/new$/m);
  expect(out).toMatch(/^ +-4B {2}- \/etc\/old$/m);
  expect(out).toMatch(/^ +\+5B {2}~ \/etc\/kept \(content\)$/m);
  expect(out).toContain('"1:1"');
  const touch = ["run", "--name", "touched", "box:1", "/bin/busybox", "touch", "-d", "@86400", "/etc/kept"];
  expect(await program.run(touch)).toMatchObject({ status: 0, err: "" });
  await program.run(["commit", "touched", "box:3"]);
  const touched = await program.run(["image", "diff", "box:1", "box:3"]);
  expect(touched.out.split("\n").filter((line) => line.includes("~ /"))).toEqual([
    expect.stringMatching(/^ +~ \/etc\/kept \(time\)$/),
  ]);
  await program.run(["rm", "touched"]);
  await program.run(["rmi", "box:3"]);
  expect((await program.run(["image", "diff", "box:1", "box:1"])).out).toBe("box:1 and box:1 are the same\n");
});

test.each(["docker", "oci"])("save --format %s and load give the same image back", async (format) => {
  const path = join(program.folder, `${format}.tar`);
  const before = (await program.run(["images", "-q", "--no-trunc", "box"])).out;
  expect(await program.run(["save", "--format", format, "-o", path, "box:1", "box:2"])).toEqual({
    status: 0,
    out: "",
    err: "",
  });
  await program.run(["rmi", "box:1", "box:2"]);
  expect((await program.run(["images", "-aq"])).out).toBe("");
  const loaded = await program.run(["load", "-i", path]);
  expect(loaded.out.split("\n").toSorted()).toEqual(["", "Loaded image: box:1", "Loaded image: box:2"]);
  expect((await program.run(["images", "-q", "--no-trunc", "box"])).out).toBe(before);
  expect(await program.run(["run", "--rm", "-u", "0", "box:2", "/bin/cat", "/etc/kept"])).toEqual({
    status: 0,
    out: "kept\nmore\n",
    err: "",
  });
});

test("save to a pipe and load from one", async () => {
  const saver = Bun.spawn([...program.command, "save", "box:1"], {
    env: program.env,
    stdout: "pipe",
    stderr: "inherit",
    timeout: 60_000,
  });
  const loader = Bun.spawn([...program.command, "load"], {
    env: program.env,
    stdin: saver.stdout,
    stdout: "pipe",
    stderr: "inherit",
    timeout: 60_000,
  });
  expect(await loader.stdout.text()).toBe("Loaded image: box:1\n");
  expect([await saver.exited, await loader.exited]).toEqual([0, 0]);
});

test("what is no archive is refused, and leaves nothing", async () => {
  const bad = await program.run(["load"], "no archive at all");
  expect(bad.status).toBe(1);
  const told =
    "Error response from daemon: cannot load the archive: it is no image archive, wanted a tar archive, plain or packed by gzip or zstd\n";
  expect(bad.err).toBe(told);
  expect((await program.run(["load"], Bun.gzipSync("text\n".repeat(1000)))).err).toBe(told);
  expect((await program.run(["inspect", "ab"])).err).toContain("at least three digits are wanted");
  expect((await program.run(["history", "ab"])).err).toContain("at least three digits are wanted");
  expect((await program.run(["run", "--name", "w", "box:1", "/bin/cat"])).err).toContain(
    "Invalid container name (w)",
  );
  const missing = join(program.folder, "missing.tar");
  expect((await program.run(["save", "-o", missing, "gone"])).status).toBe(1);
  expect(existsSync(missing)).toBe(false);
  expect((await program.run(["system", "check", "--deep"])).out).toBe("The store is whole.\n");
});
