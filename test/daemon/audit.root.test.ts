/** `system audit` over a real host: what is planted is found, and taken away when that is asked. */
// deadline: 200 s
import { afterAll, beforeAll, expect } from "bun:test";
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { needing } from "../needs.ts";
import { imageName, makeWorld, type World } from "../clients/_world.ts";
import { type Api, apiOf } from "./_api.ts";
import { monitorsBelow } from "./_leavings.ts";

const { test, describe } = needing({
  root: true,
  programs: ["busybox", "ip", "nft", "nsenter"],
  files: ["build/launcher"],
});

describe("an audit", () => {
  let world: World;
  let api: Api;
  beforeAll(async () => {
    world = await makeWorld();
    api = apiOf(world.place.socket);
  });
  afterAll(() => world[Symbol.asyncDispose]());

  const repair = () => api.audit(true);
  const start = async (name: string, host: object = {}) => {
    const id = await api.create(name, { Image: imageName, Cmd: ["sleep", "1000"], HostConfig: host });
    await api.post(`/containers/${id}/start`);
    return id;
  };

  test("finds nothing while containers run, come and go", async () => {
    const id = await start("busy");
    let over = false;
    const traffic = (async () => {
      for (let n = 0; !over; n++) {
        await start(`guest-${n}`, { NetworkMode: "none" });
        await api.delete(`/containers/guest-${n}?force=1`);
      }
    })();
    for (let n = 0; n < 3; n++) expect(await api.audit()).toEqual([]);
    over = true;
    await traffic;
    await api.delete(`/containers/${id}?force=1`);
    expect(await api.audit()).toEqual([]);
  });

  test("finds what belongs to nothing, and takes it away when that is asked", async () => {
    const { state } = world.place;
    const id = randomBytes(32).toString("hex");
    for (const folder of ["containers", "roots", "runtime/native"])
      mkdirSync(join(state, folder, id), { recursive: true });
    writeFileSync(join(state, "command-999999999.sock"), "");
    const left = (name: string, kind = "folder") => ({
      kind,
      name: join(state, name),
      owner: "",
      problem: "left over",
    });
    const planted = [
      left(`containers/${id}`),
      left(`roots/${id}`),
      left(`runtime/native/${id}`),
      left("command-999999999.sock", "socket"),
    ];
    expect(await api.audit()).toMatchObject(planted);
    expect(await repair()).toMatchObject(planted.map((each) => ({ ...each, repaired: true })));
    expect(planted.filter(({ name }) => existsSync(name))).toEqual([]);
    expect(await api.audit()).toEqual([]);
  });

  test("finds a mount of a volume that no container uses, and never empties what is mounted", async () => {
    await api.post("/volumes/create", { Name: "kept" });
    const place = join(world.place.root, "volumes/kept/_data");
    await world.out(["mount", "-t", "tmpfs", "tmpfs", place]);
    writeFileSync(join(place, "precious"), "");
    expect(await api.audit()).toMatchObject([
      { kind: "mount", name: place, owner: "kept", problem: "left over" },
    ]);
    expect(existsSync(join(place, "precious"))).toBe(true);
    expect(await repair()).toMatchObject([{ kind: "mount", name: place, repaired: true }]);
    expect(existsSync(join(place, "precious"))).toBe(false);
    await api.delete("/volumes/kept");
  });

  test("of a monitor that was killed nothing stays, and its container says that nobody knows how it ended", async () => {
    const id = await start("orphan", { NetworkMode: "none" });
    const [monitor = 0] = monitorsBelow(join(world.place.state, "containers", id));
    process.kill(monitor, "SIGKILL");
    await api.post(`/containers/${id}/wait`);
    expect((await api.inspect(id)).State).toMatchObject({ Status: "exited" });
    expect(await api.audit()).toEqual([]);
    await api.delete(`/containers/${id}`);
  });
});
