/** A container with a user namespace of its own: what it wrote belongs to ids of the host, and to its own ids again in what is committed and exported. */
import { afterAll, beforeAll, expect } from "bun:test";
import { chmodSync, existsSync } from "node:fs";
import { join } from "node:path";
import { killLeft } from "../containers/survivors.ts";
import { tar } from "../images/tar.ts";
import { needing } from "../needs.ts";
import { makeProgram, type Program } from "./_program.ts";

const { test } = needing({
  root: true,
  programs: ["tar", "setcap", "getcap"],
  files: ["/bin/busybox", "build/launcher"],
});

let program: Program;

beforeAll(async () => {
  program = makeProgram();
  // Root of a user namespace has to get to its root file system below.
  chmodSync(program.folder, 0o711);
  const root = tar([
    { name: "bin/", type: "directory", mode: 0o755 },
    { name: "bin/busybox", content: await Bun.file("/bin/busybox").bytes(), mode: 0o755 },
    ...["sh", "chown", "stat"].map((name) => ({
      name: `bin/${name}`,
      type: "symlink" as const,
      target: "busybox",
    })),
    { name: "etc/", type: "directory", mode: 0o755 },
    { name: "etc/changed", content: "old\n", uid: 5, gid: 6 },
    { name: "etc/kept", content: "kept\n", uid: 7, gid: 8 },
  ]);
  expect(await program.run(["import", "-c", "ENV PATH=/bin", "-", "box:1"], root)).toMatchObject({
    status: 0,
  });
});
afterAll(() => {
  killLeft(join(program.folder, "root"));
  program[Symbol.dispose]();
});

const owners = "made 0:0\ngiven 12:34\netc/changed 5:6\netc/kept 7:8\nbin/busybox 0:0\n";
const look = ["stat", "-c", "%n %u:%g", "made", "given", "etc/changed", "etc/kept", "bin/busybox"];

test("owners are mapped back in what is committed and exported", async () => {
  const script = "echo 1 > /made; echo 2 > /given; chown 12:34 /given; echo more >> /etc/changed";
  const done = await program.run([
    "run",
    "--network",
    "none",
    "--name",
    "mapped",
    "--userns",
    "0:200000:65536",
    "box:1",
    "sh",
    "-c",
    script,
  ]);
  expect(done).toEqual({ status: 0, out: "", err: "" });
  const upper = (await program.run(["inspect", "-f", "{{.GraphDriver.Data.UpperDir}}", "mapped"])).out.trim();
  const onHost = Bun.spawnSync([
    "stat",
    "-c",
    "%u:%g",
    join(upper, "made"),
    join(upper, "given"),
    join(upper, "etc/changed"),
  ]);
  expect(onHost.stdout.toString()).toBe("200000:200000\n200012:200034\n200005:200006\n");

  // As a program inside would: for the root of that namespace.
  const ping = Bun.spawnSync(["setcap", "-n", "200000", "cap_net_raw=ep", join(upper, "made")]);
  expect(ping.exitCode).toBe(0);

  const path = join(program.folder, "mapped.tar");
  expect(await program.run(["export", "-o", path, "mapped"])).toMatchObject({ status: 0, err: "" });
  const listed = Bun.spawnSync(["tar", "--numeric-owner", "-tvf", path]).stdout.toString();
  const exported = new Map(
    listed.split("\n").map((line) => {
      const words = line.split(/ +/);
      return [words[5], words[1]];
    }),
  );
  expect(
    ["made", "given", "etc/changed", "etc/kept", "bin/busybox"].map((name) => exported.get(name)),
  ).toEqual(["0/0", "12/34", "5/6", "7/8", "0/0"]);

  expect(await program.run(["commit", "mapped", "box:2"])).toMatchObject({ status: 0, err: "" });
  expect(await program.run(["run", "--network", "none", "--rm", "box:2", ...look])).toEqual({
    status: 0,
    out: owners,
    err: "",
  });
  const elsewhere = ["run", "--network", "none", "--rm", "--userns", "0:300000:65536", "box:2", ...look];
  expect(await program.run(elsewhere)).toEqual({ status: 0, out: owners, err: "" });
  // Unpacked for everybody, it holds for the host's root.
  expect(
    await program.run(["run", "--network", "none", "--name", "plain", "box:2", "chown", "1:1", "/given"]),
  ).toMatchObject({
    status: 0,
  });
  const data = (await program.run(["inspect", "-f", "{{.GraphDriver.Data.LowerDir}}", "plain"])).out.trim();
  const made = data
    .split(":")
    .map((folder) => join(folder, "made"))
    .find((file) => existsSync(file));
  const shown = Bun.spawnSync(["getcap", "-n", made ?? ""]).stdout.toString();
  expect(shown).toBe(`${made} cap_net_raw=ep\n`);
}, 180_000);
