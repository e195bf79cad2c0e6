/** A folder of the host on a file system whose server answers nothing: it holds up its container, and nobody else. */
import { afterAll, beforeAll, expect } from "bun:test";
import { closeSync, mkdirSync, openSync } from "node:fs";
import { join } from "node:path";
import { mount, unmount } from "../../src/kernel/mounts.ts";
import { busyboxArchive } from "../clients/_image.ts";
import { needing } from "../needs.ts";
import { apiOf, type Api } from "./_api.ts";
import { ask, makePlace, type Place } from "./_daemon.ts";

const { test } = needing({ root: true, programs: ["busybox"], files: ["build/launcher", "/dev/fuse"] });
const image = "busybox:test";
let place: Place;
let api: Api;
let stuck = "";
let server = -1;

beforeAll(async () => {
  place = makePlace();
  await place.start({ flags: ["--bridge=none"] });
  api = apiOf(place.socket);
  await (await ask(place, "/images/load", { method: "POST", body: await busyboxArchive(image) })).text();
  stuck = join(place.folder, "stuck");
  mkdirSync(stuck);
  // fuse(4): who has the descriptor would have to answer.
  server = openSync("/dev/fuse", "r+");
  const data = `fd=${server},rootmode=40000,user_id=0,group_id=0`;
  mount({ type: "fuse", source: "stuck", target: stuck, flags: 0, data });
});
afterAll(async () => {
  // Whoever waits is told that nobody answers any more.
  if (server >= 0) closeSync(server);
  unmount(stuck);
  await place[Symbol.asyncDispose]();
});

test("the daemon goes on, and the container is refused in time", async () => {
  const HostConfig = { NetworkMode: "none", Binds: [`${stuck}/below:/data`] };
  const id = await api.create("held", { Image: image, Cmd: ["true"], HostConfig });
  const held = api.post(`/containers/${id}/start`).then(
    () => "started",
    (error: Error) => error.message,
  );
  // More than the machine has cores: none of them may keep a thread that the daemon needs.
  const more = Array.from({ length: navigator.hardwareConcurrency + 2 }, async (_, index) => {
    const Mounts = [{ Type: "bind", Source: `${stuck}/${index}`, Target: "/data" }];
    const body = { Image: image, HostConfig: { NetworkMode: "none", Mounts } };
    return await api.create(`more-${index}`, body).then(
      () => "made",
      (error: Error) => error.message,
    );
  });
  const other = await api.create("other", {
    Image: image,
    Cmd: ["true"],
    HostConfig: { NetworkMode: "none" },
  });
  await api.post(`/containers/${other}/start`);
  expect(await api.post(`/containers/${other}/wait`)).toMatchObject({ StatusCode: 0 });
  const Mounts = [{ Type: "bind", Source: `${stuck}/below`, Target: "/data" }];
  const made = api.create("made", { Image: image, HostConfig: { NetworkMode: "none", Mounts } }).then(
    () => "made",
    (error: Error) => error.message,
  );
  const Devices = [{ PathOnHost: `${stuck}/node`, PathInContainer: "/dev/node", CgroupPermissions: "r" }];
  const given = api.create("given", { Image: image, HostConfig: { NetworkMode: "none", Devices } }).then(
    () => "made",
    (error: Error) => error.message,
  );
  for (const refused of await Promise.all(more)) expect(refused).toContain("nothing came back within 10 s");
  expect(await held).toContain("nothing came back within 10 s");
  expect(await made).toContain("nothing came back within 10 s");
  expect(await given).toContain("nothing came back within 10 s");
  expect((await api.inspect("held")).State.Status).toBe("created");
  expect(await (await ask(place, "/_ping")).text()).toBe("OK");
});
