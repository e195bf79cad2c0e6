// deadline: 120 s
import { afterAll, beforeAll, expect, setDefaultTimeout } from "bun:test";
import { needing } from "../needs.ts";
import { must, Place } from "./_place.ts";

const { describe, test } = needing({ root: true, programs: ["ip", "nft", "nsenter"] });

// Machines are shared: what takes 3 s alone takes 10 s then.
setDefaultTimeout(60_000);

describe("a host after its engine was killed", () => {
  let place: Place;
  const running: string[] = [];
  const audit = () => place.call<string[]>("audit", running);
  const restore = () => place.call<string[]>("restore", running);

  beforeAll(async () => {
    place = new Place();
    await place.network({ name: "front" });
    const web = await place.container("web", { bridge: {}, front: {} }, { "80/tcp": [{ HostPort: "8080" }] });
    const other = await place.container("other", { bridge: {} });
    await place.serve(web.id, "web");
    running.push(web.id, other.id);
  });
  afterAll(() => place[Symbol.asyncDispose]());

  test("a connection over a published port lives through kill -9 and restores, and nothing was wrong", async () => {
    const client = place.spawn("outside", ["busybox", "nc", "10.99.0.1", "8080"]);
    const reader = client.stdout.getReader();
    const line = async () => new TextDecoder().decode((await reader.read()).value);
    expect(await line()).toBe("web 10.99.0.2\n");
    await place.kill();
    expect(await restore()).toEqual([]);
    for (const word of ["one", "two"]) {
      void client.stdin.write(`${word}\n`);
      void client.stdin.flush();
      expect(await line()).toBe(`${word}\n`);
      expect(await restore()).toEqual([]);
    }
    client.kill();
    expect(place.ask("outside", "10.99.0.1:8080")).toBe("web 10.99.0.2");
  });

  test("a running engine puts its rules back when a reload of the host's firewall has deleted them (CVE-2025-54388)", async () => {
    await restore();
    place.run("host", ["nft", "flush", "ruleset"]);
    while ((await audit()).length > 0) await Bun.sleep(20);
    expect(place.ask("outside", "10.99.0.1:8080")).toBe("web 10.99.0.2");
  });

  test("rules that somebody emptied while no engine ran are missed by the audit and come back", async () => {
    await place.kill();
    place.run("host", ["nft", "flush", "ruleset"]);
    expect(place.askInVain("outside", "10.99.0.1:8080")).toBe("");
    expect(await audit()).toEqual(["rules: there is no table inet sampan"]);
    await restore();
    expect(place.ask("outside", "10.99.0.1:8080")).toBe("web 10.99.0.2");
    place.run("host", ["nft", "flush", "chain", "inet", "sampan", "forward"]);
    expect(await audit()).toEqual(["rules: chain forward of table sampan has 0 rules, wanted 11"]);
    await restore();
    expect(await audit()).toEqual([]);
    await place.kill();
    place.run("host", ["nft", "flush", "ruleset"]);
    const late = await place.container("late", { bridge: {} }, { "80/tcp": [{ HostPort: "8099" }] });
    await place.serve(late.id, "late");
    expect(place.ask("outside", "10.99.0.1:8099")).toBe("late 10.99.0.2");
    await place.call("close", late.id);
    expect(await audit()).toEqual([]);
  });

  test("what is left of a container that runs no more goes: device, namespace, addresses, ports", async () => {
    const gone = await place.container("gone", { front: {} }, { "80/tcp": [{ HostPort: "8081" }] });
    await place.kill();
    expect(await audit()).toEqual([`sandbox of container ${gone.id.slice(0, 12)}, which does not run`]);
    await restore();
    expect(await audit()).toEqual([]);
    expect(await Bun.file(gone.sandbox.path).exists()).toBe(false);
    expect(place.run("host", ["ip", "-o", "link"]).output).not.toContain(
      `sv${gone.sandbox.endpoints[0]?.id.slice(0, 12)}`,
    );
    const again = await place.container("again", { front: {} }, { "80/tcp": [{ HostPort: "8081" }] });
    expect(again.ip).toBe(gone.ip);
    await place.call("close", again.id);
  });

  test("a file without a row, and a device of a bridge that belongs to nothing, are found and taken away", async () => {
    await Bun.write(`${place.state}/netns/${"0".repeat(64)}`, "");
    must(["ip", "-n", place.name, "link", "add", "sv0123456789ab", "type", "veth", "peer", "name", "x0"]);
    must(["ip", "-n", place.name, "link", "set", "sv0123456789ab", "master", "sampan0"]);
    const wrong = [
      `namespace file ${"0".repeat(64)} belongs to nothing`,
      "device sv0123456789ab belongs to nothing",
    ];
    expect(await audit()).toEqual(wrong);
    expect(await restore()).toEqual(wrong);
    expect(await audit()).toEqual([]);
  });

  test("a bridge that was taken away comes back with its containers", async () => {
    must(["ip", "-n", place.name, "link", "del", "sampan0"]);
    await restore();
    expect(place.ask("outside", "10.99.0.1:8080")).toBe("web 10.99.0.2");
    expect(await audit()).toEqual([]);
  });

  test("a container that opens on a bridge that was taken away gets it again", async () => {
    const bridge = `br-${(await place.call<{ id: string }>("get", "front")).id.slice(0, 12)}`;
    const early = await place.container("early", { front: {} });
    await place.call("close", early.id);
    must(["ip", "-n", place.name, "link", "del", bridge]);
    const late = await place.container("unlucky", { front: {} });
    await place.serve(late.id, "unlucky");
    expect(place.ask("host", `${late.ip}:80`)).toStartWith("unlucky");
    await place.call("close", late.id);
    await restore();
    expect(await audit()).toEqual([]);
  });

  test("a device that was taken away comes back", async () => {
    const { endpoints } = await place.call<{ endpoints: { id: string }[] }>("sandbox", running[0] ?? "");
    must(["ip", "-n", place.name, "link", "del", `sv${endpoints[0]?.id.slice(0, 12)}`]);
    expect((await audit()).join()).toContain("is gone");
    await restore();
    expect(place.ask("outside", "10.99.0.1:8080")).toBe("web 10.99.0.2");
    expect(await audit()).toEqual([]);
  });

  test("an engine that is killed at any moment while it opens and closes leaves nothing that a restore does not put right", async () => {
    for (let round = 0; round < 9; round++) {
      const owners = Array.from({ length: 4 }, (_, i) => place.owner(`kill${round}-${i}`));
      for (const owner of owners) await place.call("connect", round % 2 ? "front" : "bridge", owner, {});
      const work = owners.map((owner) =>
        place
          .call("open", owner, { bindings: { "80/tcp": [{}] }, all: [] })
          .then(() => place.call("close", owner.id))
          .catch(() => {}),
      );
      await Bun.sleep(round * 3);
      await place.kill();
      await Promise.all(work);
      await restore();
      expect(await audit()).toEqual([]);
    }
    expect(place.ask("outside", "10.99.0.1:8080")).toBe("web 10.99.0.2");
    const devices = place.run("host", ["ip", "-o", "link"]).output.match(/\bsv[0-9a-f]{12}/g) ?? [];
    expect(new Set(devices).size).toBe(3);
  });

  test("after a reboot, when all of the host is gone, containers open again as before", async () => {
    const ids = running.splice(0);
    await place.kill();
    for (const id of ids) must(["umount", "-l", `${place.state}/netns/${id}`]);
    for (const device of [
      "sampan0",
      `br-${(await place.call<{ id: string }>("get", "front")).id.slice(0, 12)}`,
    ])
      must(["ip", "-n", place.name, "link", "del", device]);
    place.run("host", ["nft", "flush", "ruleset"]);
    await restore();
    expect(await audit()).toEqual([]);
    const owner = place.owner("web");
    const opened = await place.call<{ ports: object }>("open", owner, {
      bindings: { "80/tcp": [{ HostPort: "8080" }] },
      all: [],
    });
    expect(opened.ports).toEqual({ "80/tcp": [{ HostIp: "0.0.0.0", HostPort: "8080" }] });
    await place.serve(owner.id, "web");
    expect(place.ask("outside", "10.99.0.1:8080")).toBe("web 10.99.0.2");
    running.push(owner.id);
    expect(await audit()).toEqual([]);
  });
});
