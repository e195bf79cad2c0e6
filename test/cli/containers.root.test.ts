/** The command line with its real engine, a real registry and our runtime: containers in the foreground. */
import { afterAll, beforeAll, expect } from "bun:test";
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ContainerInspect } from "../../src/spec/docker/containers.ts";
import { isGone, killLeft, parentOf, until, within } from "../containers/survivors.ts";
import { pushImage } from "../images/push.ts";
import { needing } from "../needs.ts";
import { registryNeeds, startRegistry, type RunningRegistry } from "../registry/docker-registry.ts";
import { mountsBelow } from "../snapshots/place.ts";
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
  const first = await program.run(["run", "--network", "none", "--rm", name]);
  expect(first).toMatchObject({ status: 0, out: "default\n" });
  expect(first.err).toContain(`Unable to find image '${name}' locally\n`);
  expect(first.err).toContain("Pull complete");
  expect(await program.run(["run", "--network", "none", "--rm", name, "echo", "hello", "world"])).toEqual({
    status: 0,
    out: "hello world\n",
    err: "",
  });
  expect((await program.run(["ps", "-aq"])).out).toBe("");
});

test("run exits with the program's status, 127 and 126 when there is none, 125 when nothing ran", async () => {
  const run = (...args: string[]) =>
    program.run(["run", "--network", "none", "--rm", "--name", "try", ...args]);
  expect((await run(name, "sh", "-c", "exit 42")).status).toBe(42);
  const why = 'Error response from daemon: cannot start container "try": exec: ';
  expect(await run(name, "/no/such/program")).toMatchObject({
    status: 127,
    err: `${why}"/no/such/program": stat /no/such/program: no such file or directory\n`,
  });
  expect(await run(name, "nosuch")).toMatchObject({
    status: 127,
    err: `${why}"nosuch": executable file not found in $PATH\n`,
  });
  expect(await run(name, "/etc/no-program")).toMatchObject({
    status: 126,
    err: `${why}"/etc/no-program": stat /etc/no-program: permission denied\n`,
  });
  expect(await run("--runtime", "/bin/false", name)).toMatchObject({
    status: 125,
    err: 'Error response from daemon: cannot use runtime "/bin/false": wanted native\n',
  });
  expect((await run("--pull", "never", "no-such-image")).status).toBe(125);
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
    ["run", "--network", "none", "--rm", ...flags, name, "sh", "-c", script],
    "typed",
  );
  expect({ out, status, err }).toEqual({
    err: "",
    out: "image flag\n/etc\n12\nboat\nfrom the host\ntyped",
    status: 0,
  });
});

test("a container without --rm stays, is listed, and is removed by name", async () => {
  await program.run(["run", "--network", "none", "--name", "kept", name]);
  const { out } = await program.run([
    "ps",
    "-a",
    "--format",
    "{{.Names}} {{.Image}} {{.Command}} {{.Status}}",
  ]);
  expect(out).toMatch(/^kept \S+ "\/bin\/echo default" Exited \(0\) (Less than a|\d+) seconds? ago\n$/);
  expect((await program.run(["ps", "-q"])).out).toBe("");
  const again = await program.run(["run", "--network", "none", "--name", "kept", name]);
  expect(again).toMatchObject({ status: 125 });
  expect(again.err).toContain(
    'Error response from daemon: Conflict. The container name "/kept" is already in use by container',
  );
  expect((await program.run(["rmi", name])).err).toContain('container "kept" uses it');
  expect((await program.run(["rm", "kept"])).out).toBe("kept\n");
  expect((await program.run(["ps", "-aq"])).out).toBe("");
});

test("inspect tells of a container what docker tells", async () => {
  const flags = [
    "--name",
    "seen",
    "-e",
    "MORE=1",
    "-l",
    "mine=yes",
    "-v",
    "/etc:/host:ro",
    "-v",
    "/data",
    "-m",
    "64m",
  ];
  expect(await program.run(["run", "--network", "none", ...flags, name, "sh", "-c", "exit 3"])).toMatchObject(
    { status: 3 },
  );
  const [seen] = JSON.parse((await program.run(["inspect", "seen"])).out) as [ContainerInspect];
  const [image] = JSON.parse((await program.run(["image", "inspect", name])).out) as [{ Id: string }];
  expect(seen).toMatchObject({
    Name: "/seen",
    Image: image.Id,
    Path: "sh",
    Args: ["-c", "exit 3"],
    State: { Status: "exited", Running: false, Pid: 0, ExitCode: 3 },
    Driver: "overlay2",
    HostConfig: {
      Binds: ["/etc:/host:ro"],
      NetworkMode: "none",
      AutoRemove: false,
      Memory: 2 ** 26,
    },
    Config: {
      Hostname: seen.Id.slice(0, 12),
      Env: ["PATH=/bin", "FROM=image", "MORE=1"],
      Cmd: ["sh", "-c", "exit 3"],
      Entrypoint: null,
      Image: name,
      Labels: { maker: "test", mine: "yes" },
    },
  });
  expect(seen.Mounts).toMatchObject([
    { Type: "bind", Source: "/etc", Destination: "/host", Mode: "ro", RW: false },
    { Type: "volume", Destination: "/data", RW: true },
  ]);
  expect(existsSync(seen.Mounts[1]?.Source ?? "")).toBe(true);
  expect(existsSync(seen.GraphDriver.Data["UpperDir"] ?? "")).toBe(true);
  const times = [seen.Created, seen.State.StartedAt, seen.State.FinishedAt].map(Date.parse);
  expect(times).toEqual(times.toSorted((a, b) => a - b));
  const sized = (
    await program.run(["container", "inspect", "-s", "-f", "{{.SizeRw}} {{.SizeRootFs}}", "seen"])
  ).out;
  const [own = 0, whole = 0] = sized.split(" ").map(Number);
  expect(whole).toBeGreaterThan(own);
  expect((await program.run(["ps", "-as", "--filter", "exited=3", "--format", "{{.Size}}"])).out).toContain(
    "virtual",
  );
  expect((await program.run(["ps", "-aq", "--no-trunc", "-f", "label=mine=yes"])).out).toBe(`${seen.Id}\n`);
  expect((await program.run(["rm", "-v", "seen"])).status).toBe(0);
  expect(existsSync(seen.Mounts[1]?.Source ?? "")).toBe(false);
  const gone = await program.run(["rm", "seen", "seen"]);
  expect(gone).toMatchObject({ status: 1, out: "" });
  expect(gone.err).toBe("Error response from daemon: No such container: seen\n".repeat(2));
});

test("a container outlives the killed command: Up till its end, whose status is known", async () => {
  const root = join(program.folder, "root");
  const output = Bun.file(join(program.folder, "survivor"));
  const command = [
    ...program.command,
    "run",
    "--network",
    "none",
    "--name",
    "survivor",
    name,
    "sh",
    "-c",
    "echo here; sleep 1000",
  ];
  const child = Bun.spawn(command, {
    cwd: program.folder,
    env: { ...program.env },
    stdio: ["ignore", output, output],
  });
  try {
    await until(() => readFileSync(join(program.folder, "survivor"), "utf8").includes("here"), "its start");
    child.kill("SIGKILL");
    await within(child.exited, "the command's end");
    const ps = async () => (await program.run(["ps", "-a", "--format", "{{.Names}} {{.Status}}"])).out;
    expect(await ps()).toMatch(/^survivor Up (Less than a|\d+) seconds?\n$/);
    const { State } = (JSON.parse((await program.run(["inspect", "survivor"])).out) as [ContainerInspect])[0];
    expect(State).toMatchObject({ Status: "running", Running: true });
    expect((await program.run(["rm", "survivor"])).err).toContain("container is running");
    expect((await program.run(["rmi", name])).err).toContain('container "survivor" runs it');
    expect((await program.run(["container", "prune", "-f"])).out).not.toContain("Deleted");
    const monitor = parentOf(State.Pid);
    process.kill(State.Pid, "SIGKILL");
    await until(() => isGone(State.Pid) && isGone(monitor), "the container's end");
    expect(await ps()).toMatch(/^survivor Exited \(137\) (Less than a|\d+) seconds? ago\n$/);
    expect(mountsBelow(program.folder)).toEqual([]);
    expect(await program.run(["rm", "survivor"])).toMatchObject({ status: 0, out: "survivor\n" });
    expect(readdirSync(join(root, "containers"))).toEqual([]);
  } finally {
    child.kill("SIGKILL");
    killLeft(root);
  }
}, 180_000);

test("rm -f ends a container whose command was killed", async () => {
  const output = Bun.file(join(program.folder, "forced"));
  const flags = ["--rm", "--name", "forced", name, "sh", "-c", "echo here; sleep 1000"];
  const child = Bun.spawn([...program.command, "run", "--network", "none", ...flags], {
    cwd: program.folder,
    env: { ...program.env },
    stdio: ["ignore", output, output],
  });
  try {
    await until(() => readFileSync(join(program.folder, "forced"), "utf8").includes("here"), "its start");
    child.kill("SIGKILL");
    await within(child.exited, "the command's end");
    expect(await program.run(["rm", "-f", "forced"])).toMatchObject({ status: 0, out: "forced\n" });
    expect((await program.run(["ps", "-aq"])).out).toBe("");
    expect(mountsBelow(program.folder)).toEqual([]);
    expect((await program.run(["system", "check"])).status).toBe(0);
  } finally {
    child.kill("SIGKILL");
    killLeft(join(program.folder, "root"));
  }
}, 180_000);

test("container prune removes what does not run", async () => {
  await program.run(["run", "--network", "none", "--name", "one", name]);
  const { out } = await program.run(["container", "prune", "-f"]);
  expect(out).toMatch(/^Deleted Containers:\n[0-9a-f]{64}\n\nTotal reclaimed space: /);
});
