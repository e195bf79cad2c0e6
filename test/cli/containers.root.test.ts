/** The command line with its real engine, a real registry and our runtime: containers in the foreground. */
import { afterAll, beforeAll, expect } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pushImage } from "../images/push.ts";
import { needing } from "../needs.ts";
import { registryNeeds, startRegistry, type RunningRegistry } from "../registry/docker-registry.ts";
import { busyboxImage, makeProgram, type Program } from "./_program.ts";

const { test } = needing({ root: true, ...registryNeeds, files: ["/bin/busybox", "build/launcher"] });

let program: Program;
let registry: RunningRegistry;
let name = "";

beforeAll(async () => {
  program = makeProgram();
  registry = await startRegistry();
  name = `${registry.host}/box:1`;
  await pushImage({ url: registry.url, repository: "box" }, await busyboxImage(), "1");
});
afterAll(async () => {
  await registry?.[Symbol.asyncDispose]();
  program?.[Symbol.dispose]();
});

test("run pulls what is missing, runs it, and leaves nothing with --rm", async () => {
  const first = await program.run(["run", "--rm", name]);
  expect(first).toMatchObject({ status: 0, out: "default\n" });
  expect(first.err).toContain(`Unable to find image '${name}' locally\n`);
  expect(first.err).toContain("Pull complete");
  expect(await program.run(["run", "--rm", name, "echo", "hello", "world"])).toEqual({
    status: 0,
    out: "hello world\n",
    err: "",
  });
  expect((await program.run(["ps", "-aq"])).out).toBe("");
});

test("run exits with the program's status, 127 and 126 when there is none, 125 when nothing ran", async () => {
  const status = async (...args: string[]) => (await program.run(["run", "--rm", ...args])).status;
  expect(await status(name, "sh", "-c", "exit 42")).toBe(42);
  expect(await status(name, "/no/such/program")).toBe(127);
  expect(await status(name, "/etc/no-program")).toBe(126);
  expect(await status("--pull", "never", "no-such-image")).toBe(125);
});

test("environment, directory, user, host name, volume and standard input reach the program", async () => {
  writeFileSync(join(program.folder, "shared"), "from the host\n");
  const flags = [
    "-i",
    "-e",
    "MORE=flag",
    "-w",
    "/etc",
    "-u",
    "12:34",
    "-h",
    "boat",
    "-v",
    `${program.folder}/shared:/shared:ro`,
  ];
  const script = "echo $FROM $MORE; pwd; id -u; hostname; cat /shared; cat";
  const { out, status, err } = await program.run(
    ["run", "--rm", ...flags, name, "sh", "-c", script],
    "typed",
  );
  expect({ out, status, err }).toEqual({
    err: "",
    out: "image flag\n/etc\n12\nboat\nfrom the host\ntyped",
    status: 0,
  });
});

test("a container without --rm stays, is listed, and is removed by name", async () => {
  await program.run(["run", "--name", "kept", name]);
  const { out } = await program.run([
    "ps",
    "-a",
    "--format",
    "{{.Names}} {{.Image}} {{.Command}} {{.Status}}",
  ]);
  expect(out).toBe(`kept ${name} "/bin/echo default" Exited (0)\n`);
  expect((await program.run(["ps", "-q"])).out).toBe("");
  const again = await program.run(["run", "--name", "kept", name]);
  expect(again).toMatchObject({ status: 125 });
  expect(again.err).toContain('cannot create container "kept": the name is in use');
  expect((await program.run(["rmi", name])).err).toContain('container "kept" uses it');
  expect((await program.run(["rm", "kept"])).out).toBe("kept\n");
  expect((await program.run(["ps", "-aq"])).out).toBe("");
});

test("container prune removes what does not run", async () => {
  await program.run(["run", "--name", "one", name]);
  const { out } = await program.run(["container", "prune", "-f"]);
  expect(out).toMatch(/^Deleted Containers:\n[0-9a-f]{64}\n\nTotal reclaimed space: /);
});
