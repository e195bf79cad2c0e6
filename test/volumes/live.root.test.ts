/** Volumes, images and other containers' namespaces, in containers that are started by the engine. */
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "bun:test";
import { createExec, startExec } from "../../src/engine/containers/exec.ts";
import { killContainer } from "../../src/engine/containers/kill.ts";
import { removeContainer } from "../../src/engine/containers/remove.ts";
import { startContainer } from "../../src/engine/containers/start.ts";
import { waitContainer } from "../../src/engine/containers/wait.ts";
import { openVolumes } from "../../src/engine/volumes/open.ts";
import type { Volumes } from "../../src/engine/volumes/volumes.ts";
import { hear, needs, Place } from "../life/place.ts";
import { needing } from "../needs.ts";

const { test } = needing(needs);
const sh = (script: string) => ["sh", "-c", script];

async function again(place: Place, id: string): Promise<void> {
  const ended = waitContainer(place.live, id, "next-exit");
  await startContainer(place.live, id);
  await ended;
}

async function kill(place: Place, id: string): Promise<void> {
  const ended = waitContainer(place.live, id, "next-exit");
  await killContainer(place.live, id);
  await ended;
}

async function filled(...args: Parameters<Place["fill"]>): Promise<Place & { readonly volumes: Volumes }> {
  const place = new Place();
  await place.fill(...args);
  const volumes = openVolumes(place.live.store, {
    unpacker: { removeTree: (path) => rm(path, { recursive: true }) },
  });
  // The tasks of this engine hold the stand-in too: it becomes the real thing.
  const verbs: Volumes = {
    list: () => volumes.list(),
    get: (name) => volumes.get(name),
    create: (request) => volumes.create(request),
    remove: (name, options) => volumes.remove(name, options),
    acquire: (name, container, signal) => volumes.acquire(name, container, signal),
    release: (name, container) => volumes.release(name, container),
    users: (name) => volumes.users(name),
  };
  Object.assign(place.live.volumes, verbs);
  return Object.assign(place, { volumes });
}

test("a volume has its row with its container, the image's content once, and goes when nobody names it", async () => {
  await using place = await filled({ Volumes: { "/etc": {} } });
  const { id } = await place.create({
    command: sh("ls /data /etc; rm -r /data/* /etc/*"),
    volumes: ["kept:/data", "new:/bin2"],
  });
  const names = place.volumes.list().map(({ name, anonymous }) => (anonymous ? "anonymous" : name));
  expect(names.toSorted()).toEqual(["anonymous", "kept", "new"]);
  expect(place.volumes.users("kept")).toEqual([id]);
  expect(place.volumes.remove("kept")).rejects.toThrow(`volume is in use - [${id}]`);
  await again(place, id);
  expect(await place.log(id)).toContain("passwd");
  // What somebody has emptied stays empty.
  await again(place, id);
  expect((await place.log(id)).match(/passwd/g)).toHaveLength(1);
  await removeContainer(place.live, id, { force: false, volumes: true });
  expect(place.volumes.list().map(({ name }) => name)).toEqual(["kept", "new"]);
});

test("a volume of a tmpfs lives as long as one of its containers runs", async () => {
  await using place = await filled();
  await place.volumes.create({ name: "quick", options: { type: "tmpfs", device: "tmpfs", o: "size=1m" } });
  const first = await place.start({ command: sh("echo 1 > /q/one; sleep 60"), volumes: ["quick:/q"] });
  await place.run({
    command: sh("until test -s /q/one; do :; done; echo 2 > /q/two"),
    volumes: ["quick:/q"],
  });
  const mounts = () => place.mounts().filter((path) => path.includes("/volumes/"));
  expect(mounts()).toHaveLength(1);
  await kill(place, first.id);
  expect(mounts()).toEqual([]);
});

test("a container joins the processes, queues and shared memory of another", async () => {
  await using place = await filled();
  const script = "echo theirs > /dev/shm/file; sleep 60";
  const other = await place.start({ name: "other", command: sh(script), host: { IpcMode: "shareable" } });
  const host = { IpcMode: "container:other", PidMode: "container:other" };
  const name = "joins";
  await place.run({
    name,
    command: sh(
      "until test -s /dev/shm/file; do :; done; cat /dev/shm/file; test $$ != 1 && echo in its processes",
    ),
    host,
  });
  expect(await place.log(name)).toBe("theirs\nin its processes\n");
  const closed = await place.start({ name: "closed", command: ["sleep", "60"] });
  expect(place.start({ command: ["true"], host: { IpcMode: "container:closed" } })).rejects.toThrow(
    "is not shareable",
  );
  for (const { id } of [other, closed]) await kill(place, id);
  expect(place.start({ command: ["true"], host })).rejects.toThrow("non running container");
});

test("an image is mounted while the container runs", async () => {
  await using place = await filled();
  const Mounts = [{ Type: "image", Source: "busybox", Target: "/tools" } as const];
  const name = "tools";
  await place.run({
    name,
    command: sh("ls /tools/bin/busybox; touch /tools/x || echo refused"),
    host: { Mounts },
  });
  expect(await place.log(name)).toContain("/tools/bin/busybox\n");
  expect(await place.log(name)).toContain("refused\n");
  expect(place.mounts()).toEqual([]);
});

test("an exec has the container's limits, the unlimited ones too", async () => {
  await using place = await filled();
  const Ulimits = [{ Name: "core", Soft: -1, Hard: -1 }];
  const { id } = await place.start({ command: ["sleep", "60"], host: { Ulimits } });
  const Cmd = ["grep", "core", "/proc/self/limits"];
  const exec = await createExec(place.live, id, { Cmd, AttachStdout: true, AttachStderr: true });
  const { stdout } = await hear(await startExec(place.live, exec, { detach: false }));
  expect(stdout).toMatch(/^Max core file size +unlimited +unlimited/);
  await kill(place, id);
});

test("several containers that start at once with a new volume find all of the image's content in it", async () => {
  await using place = await filled({}, (root) => {
    mkdirSync(join(root, "many"));
    for (let n = 0; n < 300; n++) writeFileSync(join(root, "many", `file${n}`), "x".repeat(1000));
  });
  const names = ["a1", "a2", "a3", "a4"];
  const run = (name: string) =>
    place.run({ name, command: sh("ls /many | wc -l"), volumes: ["shared:/many"] });
  expect(await Promise.all(names.map(run))).toEqual([0, 0, 0, 0]);
  for (const name of names) expect(await place.log(name)).toBe("300\n");
});

test("what a crash has left half filled is filled anew", async () => {
  await using place = await filled({}, (root) => mkdirSync(join(root, "many/below"), { recursive: true }));
  const { id } = await place.create({ command: sh("ls /many"), volumes: ["shared:/many"] });
  const { mountpoint } = place.volumes.get("shared");
  writeFileSync(join(mountpoint, "half"), "");
  // A process that never was has begun it.
  writeFileSync(join(mountpoint, "../filling"), ".new-1-1-");
  await again(place, id);
  expect(await place.log(id)).toBe("below\n");
  expect(readdirSync(join(mountpoint, ".."))).toEqual(["_data"]);
});
