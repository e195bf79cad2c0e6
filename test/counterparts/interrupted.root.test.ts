/** A runtime that is killed in the middle of `create`, as its caller's end may do: `delete --force` takes away what it left. */
import { expect } from "bun:test";
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { needing } from "../needs.ts";
import { defaultConfig } from "../../src/spec/oci/default.ts";
import { until } from "./_await.ts";
import { makeRootfs } from "./image.ts";
import { cgroupFolders, makePlace, mountsBelow, needs, type Place } from "./place.ts";
import { output, ran } from "./_ran.ts";

const { test } = needing(needs());

/** Says that it has begun, and waits for ever: a create that has come to it is in the middle for sure. Its arguments tell it from others. */
const holding = (begun: string, fifo: string) => ({
  path: "/bin/sh",
  args: ["sh", "-c", 'echo yes >"$1"; read line <"$2"', "sh", begun, fifo],
});

type HookName = "prestart" | "createRuntime" | "createContainer";

interface Bundle {
  readonly place: Place;
  readonly id: string;
  /** Written by the hook. */
  readonly begun: string;
  readonly call: (...words: string[]) => string[];
}

async function makeBundle(place: Place, hook?: HookName): Promise<Bundle> {
  const { folder } = place;
  const id = folder.slice(folder.lastIndexOf("/") + 1);
  const begun = join(folder, "begun");
  const fifo = join(folder, "fifo");
  await output(["mkfifo", fifo]);
  const bundle = join(folder, "bundle");
  mkdirSync(bundle);
  await makeRootfs(join(bundle, "rootfs"));
  const config = defaultConfig();
  const { rlimits: _limits, ...process } = config.process;
  const changed = {
    ...config,
    process: { ...process, terminal: false, args: ["sleep", "10000"], env: ["PATH=/bin"] },
    ...(hook && { hooks: { [hook]: [holding(begun, fifo)] } }),
    linux: { ...config.linux, cgroupsPath: `/${id}`, resources: { pids: { limit: 10 } } },
  };
  writeFileSync(join(bundle, "config.json"), JSON.stringify(changed));
  const call = (...words: string[]) => [place.runtime, "--root", join(folder, "root"), ...words];
  return { place, id, begun, call };
}

/** Processes that are in one of the container's cgroups, or are the hook. */
function processesOf({ id, begun }: Bundle): string[] {
  const inCgroups = cgroupFolders(id)
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readFileSync(join(folder, "cgroup.procs"), "utf8").split("\n"));
  const all = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return [...inCgroups.filter(Boolean), ...all.filter((pid) => argumentsOf(pid).includes(begun))];
}

/** None of a process that has ended. */
function argumentsOf(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  } catch {
    return [];
  }
}

const createOf = ({ place, id, call }: Bundle) =>
  call("create", "--bundle", join(place.folder, "bundle"), id);

async function expectNothingLeft(bundle: Bundle): Promise<void> {
  const { place, id, call } = bundle;
  const { status, stderr } = await ran(call("delete", "--force", id));
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(folders(join(place.folder, "root"))).toEqual([]);
  await until("the processes to end", () => processesOf(bundle).length === 0 || undefined);
  expect(cgroupFolders(id).filter((folder) => existsSync(folder))).toEqual([]);
  expect(mountsBelow(place.folder)).toEqual([]);
  // The id is free again.
  expect((await ran(call("state", id))).stderr).toContain("does not exist");
}

const folders = (root: string): string[] => (existsSync(root) ? readdirSync(root) : []);

for (const hook of ["prestart", "createRuntime", "createContainer"] as const) {
  test(`create killed during a ${hook} hook leaves what delete --force removes`, async () => {
    await using place = makePlace("interrupted");
    const bundle = await makeBundle(place, hook);
    const creating = Bun.spawn(createOf(bundle), { stdin: "ignore", stdout: "ignore", stderr: "ignore" });
    await until(
      "the hook",
      () => (existsSync(bundle.begun) && readFileSync(bundle.begun, "utf8") !== "") || undefined,
    );
    expect(processesOf(bundle)).not.toEqual([]);
    creating.kill("SIGKILL");
    await creating.exited;
    await expectNothingLeft(bundle);
  });
}

test("create killed at any moment leaves what delete --force removes", async () => {
  await using place = makePlace("interrupted");
  const bundle = await makeBundle(place);
  // From before its first line runs until after its end, in steps that are shorter than any of its own.
  for (let step = 0; step < 60; step++) {
    const creating = Bun.spawn(createOf(bundle), { stdin: "ignore", stdout: "ignore", stderr: "ignore" });
    await Promise.race([creating.exited, Bun.sleep(step / 4)]);
    creating.kill("SIGKILL");
    await creating.exited;
    await expectNothingLeft(bundle);
  }
});
