/** A container with a user namespace of its own in all that a daemon gives: networks, volumes, cp, exec, counters. */
import { afterAll, beforeAll, expect } from "bun:test";
import { chmodSync } from "node:fs";
import { busyboxArchive } from "../clients/_image.ts";
import { tar } from "../images/tar.ts";
import { needing } from "../needs.ts";
import { apiOf, type Api } from "./_api.ts";
import { ask, makePlace, type Place } from "./_daemon.ts";

const { test } = needing({
  root: true,
  programs: ["busybox", "ip", "nft", "nsenter"],
  files: ["build/launcher"],
});

const namespace = `sampan-userns-${process.pid}`;
const image = "busybox:test";
const waiting = ["sh", "-c", "trap 'exit 0' TERM; echo up; while :; do sleep 0.05; done"];
let place: Place;
let api: Api;

beforeAll(async () => {
  Bun.spawnSync(["ip", "netns", "add", namespace]);
  Bun.spawnSync(["nsenter", `--net=/run/netns/${namespace}`, "ip", "link", "set", "lo", "up"]);
  place = makePlace(namespace);
  // Root of a user namespace has to get to its root file system below.
  chmodSync(place.folder, 0o711);
  await place.start();
  api = apiOf(place.socket);
  await (await ask(place, "/images/load", { method: "POST", body: await busyboxArchive(image) })).text();
});
afterAll(async () => {
  await place[Symbol.asyncDispose]();
  Bun.spawnSync(["ip", "netns", "del", namespace]);
});

test("it is in a network with names and published ports, and has volumes, cp, exec and counters", async () => {
  await api.post("/networks/create", { Name: "front" });
  const web = await api.create("web", {
    Image: image,
    Cmd: ["sh", "-c", "echo hello >/data/index.html; exec httpd -f -p 80 -h /data"],
    ExposedPorts: { "80/tcp": {} },
    HostConfig: {
      NetworkMode: "front",
      UsernsMode: "0:200000:65536",
      Binds: ["data:/data"],
      PortBindings: { "80/tcp": [{ HostPort: "8080" }] },
    },
  });
  await api.post(`/containers/${web}/start`);
  const other = await api.create("other", {
    Image: image,
    Cmd: waiting,
    HostConfig: { NetworkMode: "front", UsernsMode: "0:300000:65536" },
  });
  await api.post(`/containers/${other}/start`);

  expect(await api.logs(web)).toBe("");
  expect(await api.exec(web, ["cat", "/proc/self/uid_map"])).toMatch(/^ +0 +200000 +65536\n$/);
  expect(await api.exec(web, ["stat", "-c", "%u:%g", "/data", "/data/index.html"])).toBe("0:0\n0:0\n");
  expect(await api.exec(other, ["wget", "-qO-", "http://web/index.html"])).toBe("hello\n");
  const asked = ["nsenter", `--net=/run/netns/${namespace}`, "busybox", "wget", "-qO-"];
  const said = Bun.spawnSync([...asked, "http://127.0.0.1:8080/index.html"]);
  expect(said.stdout.toString()).toBe("hello\n");

  // Its own devices, not the host's.
  expect((await api.exec(web, ["ls", "/sys/class/net"])).trim().split(/\s+/)).toEqual(["eth0", "lo"]);
  const stats = await api.get<{ networks: Record<string, { rx_bytes: number }> }>(
    `/containers/${web}/stats?stream=0&one-shot=1`,
  );
  expect(stats.networks["eth0"]?.rx_bytes).toBeGreaterThan(0);

  const put = await ask(place, `/containers/${web}/archive?path=/data`, {
    method: "PUT",
    body: tar([{ name: "put", content: "put\n", uid: 0, gid: 0 }]),
  });
  expect([put.status, await put.text()]).toEqual([200, ""]);
  expect(await api.exec(web, ["stat", "-c", "%u:%g", "/data/put"])).toBe("0:0\n");
  const got = await ask(place, `/containers/${web}/archive?path=/data/put`);
  expect(await got.text()).toContain("put\n");

  for (const id of [web, other]) await api.delete(`/containers/${id}?force=1`);
  await api.delete("/networks/front");
  await api.delete("/volumes/data");
  expect(await api.audit()).toEqual([]);
});
