// deadline: 120 s
import { afterAll, beforeAll, expect, setDefaultTimeout } from "bun:test";
import { needing } from "../needs.ts";
import { Place } from "./_place.ts";

const { describe, test } = needing({ root: true, programs: ["ip", "nft", "nsenter"] });

// Machines are shared: what takes 3 s alone takes 10 s then.
setDefaultTimeout(60_000);

describe("names in a user-defined network", () => {
  let place: Place;
  let web: { id: string; ip: string };
  let second: { id: string; ip: string };
  let client: Awaited<ReturnType<Place["container"]>>;
  let server: string;

  const ask = (where: string, name: string, type = "A", protocol = "udp") =>
    askAt(server, where, [name, type, protocol]);
  const askAt = (at: string, where: string, question: readonly string[]) => {
    const { output } = place.run(where, [process.execPath, `${import.meta.dir}/_dns.ts`, at, ...question]);
    return output === "" ? undefined : (JSON.parse(output) as { code: string; answers: unknown[] });
  };

  beforeAll(async () => {
    place = new Place();
    const upstream = place.spawn("host", [
      process.execPath,
      `${import.meta.dir}/_dns.ts`,
      "serve",
      "127.0.0.1",
    ]);
    await upstream.stdout.getReader().read();
    await place.network({ name: "front", ipv6: true });
    await place.network({ name: "closed", internal: true });
    web = await place.container("web", { front: { Aliases: ["site"] } });
    second = await place.container("second", { front: { Aliases: ["site"] } });
    client = await place.container("client", { front: {} });
    server = (await place.call<{ nameservers: string[] }>("sandbox", client.id)).nameservers[0] ?? "";
  });
  afterAll(() => place[Symbol.asyncDispose]());

  test("a container is found by its name, its short id, its host name and its aliases", () => {
    for (const name of ["web", "WEB", web.id.slice(0, 12), "host-web"])
      expect(ask(client.id, name)).toEqual({ code: "NOERROR", answers: [web.ip] });
    expect(ask(client.id, "web", "A", "tcp")).toEqual({ code: "NOERROR", answers: [web.ip] });
  });

  test("a container may be called what every object of JavaScript has", async () => {
    const odd = await place.container("constructor", { front: { Aliases: ["__proto__"] } });
    for (const name of ["constructor", "__proto__"])
      expect(ask(client.id, name)).toEqual({ code: "NOERROR", answers: [odd.ip] });
    await place.call("close", odd.id);
    expect(ask(client.id, "constructor")?.answers).toEqual([]);
  });

  test("an alias of several gives all of them, another one first each time", () => {
    const found = [ask(client.id, "site"), ask(client.id, "site")].map((said) => said?.answers ?? []);
    expect(found[0]?.toSorted()).toEqual([web.ip, second.ip].toSorted());
    expect(found[1]).toEqual(found[0]?.toReversed());
  });

  test("the other family, an address's name, and a name of nobody", () => {
    expect(ask(client.id, "web", "AAAA")?.answers[0]).toStartWith("fd");
    expect(ask(client.id, "web", "MX")).toEqual({ code: "NOERROR", answers: [] });
    const reverse = `${web.ip.split(".").toReversed().join(".")}.in-addr.arpa`;
    expect(ask(client.id, reverse, "PTR")?.answers).toEqual(["web"]);
    expect(ask(client.id, "nobody")).toEqual({ code: "NXDOMAIN", answers: [] });
  });

  test("other names are asked of the host's servers, by UDP and by TCP", () => {
    expect(ask(client.id, "outside.example")).toEqual({ code: "NOERROR", answers: ["192.0.2.80"] });
    expect(ask(client.id, "outside.example", "A", "tcp")).toEqual({
      code: "NOERROR",
      answers: ["192.0.2.80"],
    });
  });

  test("nobody outside of the networks is answered, and the host neither", async () => {
    const bridge = client.sandbox.endpoints[0]?.gateway ?? "";
    const refused = { code: "REFUSED", answers: [] };
    expect(askAt(bridge, "host", ["web", "A", "udp"])).toEqual(refused);
    expect(askAt(bridge, "host", ["outside.example", "A", "udp"])).toEqual(refused);
    const stranger = await place.container("stranger", { bridge: {} });
    expect(askAt(bridge, stranger.id, ["web", "A", "udp"])).toEqual(refused);
    expect(askAt(bridge, client.id, ["web", "A", "udp"])?.answers).toEqual([web.ip]);
  });

  test("an internal network has its own names and asks nobody outside (CVE-2024-29018)", async () => {
    const inner = await place.container("inner", { closed: {} });
    await place.container("inner2", { closed: {} });
    const before = server;
    server = (await place.call<{ nameservers: string[] }>("sandbox", inner.id)).nameservers[0] ?? "";
    expect(ask(inner.id, "inner2")?.code).toBe("NOERROR");
    expect(ask(inner.id, "outside.example")).toEqual({ code: "NXDOMAIN", answers: [] });
    expect(ask(inner.id, "web")).toEqual({ code: "NXDOMAIN", answers: [] });
    server = before;
  });

  test("names are answered while the engine is dead, and a resolver that died is there again after a restore", async () => {
    await place.kill();
    expect(ask(client.id, "web")).toEqual({ code: "NOERROR", answers: [web.ip] });
    const state = (await Bun.file(`${place.state}/networks/resolver.state`).json()) as { pid: number };
    process.kill(state.pid, "SIGKILL");
    const running = (await place.call<{ endpoints: Record<string, unknown> }[]>("list")).flatMap(
      ({ endpoints }) => Object.keys(endpoints),
    );
    while (!(await place.call<string[]>("audit", running)).includes("names: the resolver does not run"))
      await Bun.sleep(1);
    expect(await place.call<string[]>("restore", running)).toEqual(["names: the resolver does not run"]);
    expect(ask(client.id, "web")).toEqual({ code: "NOERROR", answers: [web.ip] });
    expect(await place.call<string[]>("audit", running)).toEqual([]);
  });

  test("a resolver of another version is replaced by one of this", async () => {
    const folder = `${place.state}/networks`;
    const state = async () =>
      (await Bun.file(`${folder}/resolver.state`).json()) as { pid: number; version: string };
    process.kill((await state()).pid, "SIGKILL");
    const old = place.spawn("host", [process.execPath, `${import.meta.dir}/_old-resolver.ts`, folder]);
    await old.stdout.getReader().read();
    expect((await state()).version).toBe("0.0.0");
    await place.container("third", { front: {} });
    await old.exited;
    expect((await state()).version).not.toBe("0.0.0");
    expect(ask(client.id, "third")?.code).toBe("NOERROR");
  });

  test("a resolver that stands still is replaced, and stops no container", async () => {
    const state = async () =>
      (await Bun.file(`${place.state}/networks/resolver.state`).json()) as { pid: number };
    const { pid } = await state();
    process.kill(pid, "SIGSTOP");
    await place.container("fourth", { front: {} });
    expect((await state()).pid).not.toBe(pid);
    expect(ask(client.id, "fourth")?.code).toBe("NOERROR");
    process.kill((await state()).pid, "SIGSTOP");
    await place.network({ name: "late" });
    const late = await place.container("fifth", { late: {} });
    server = late.sandbox.nameservers[0] ?? "";
    expect(ask(late.id, "fifth")).toEqual({ code: "NOERROR", answers: [late.ip] });
    server = client.sandbox.nameservers[0] ?? "";
  });

  test("127.0.0.11 is the server in every user-defined network, and follows when the networks change", async () => {
    await place.network({ name: "one" });
    await place.network({ name: "two" });
    const first = await place.container("in-one", { one: {} });
    const other = await place.container("in-two", { two: {} });
    const rover = await place.container("rover", { one: {} });
    expect(rover.sandbox.nameservers).toEqual(["127.0.0.11"]);
    const lookUp = (name: string) =>
      (["udp", "tcp"] as const).map((protocol) => ask(rover.id, name, "A", protocol)?.answers);
    const both = (address: string) => [[address], [address]];
    expect(lookUp("in-one")).toEqual(both(first.ip));
    expect(lookUp("in-two")).toEqual([[], []]);
    await place.call("connect", "two", place.owner("rover"), {});
    expect(lookUp("in-one")).toEqual(both(first.ip));
    expect(lookUp("in-two")).toEqual(both(other.ip));
    await place.call("disconnect", "one", rover.id);
    expect(lookUp("in-two")).toEqual(both(other.ip));
    expect(lookUp("in-one")).toEqual([[], []]);
    await place.kill();
    expect(lookUp("in-two")).toEqual(both(other.ip));
    const running = (await place.call<{ endpoints: Record<string, unknown> }[]>("list")).flatMap(
      ({ endpoints }) => Object.keys(endpoints),
    );
    place.run(rover.id, ["ip", "link", "del", "eth1"]);
    expect((await place.call<string[]>("restore", running)).join()).toContain(rover.id.slice(0, 12));
    expect(lookUp("in-two")).toEqual(both(other.ip));
    await place.call("disconnect", "two", rover.id);
    expect(place.run(rover.id, ["nft", "list", "ruleset"]).output).toBe("");
  });

  test("loopback addresses of a container stay out of its neighbours' reach (CVE-2020-8558)", () => {
    for (const device of ["all", "eth0"])
      expect(
        place.run(client.id, ["cat", `/proc/sys/net/ipv4/conf/${device}/route_localnet`]).output.trim(),
      ).toBe("0");
  });

  test("one that leaves is found no more", async () => {
    await place.call("close", second.id);
    // The resolver reads the table again in its own time.
    while ((ask(client.id, "site")?.answers.length ?? 0) > 1) await Bun.sleep(5);
    expect(ask(client.id, "site")).toEqual({ code: "NOERROR", answers: [web.ip] });
    expect(ask(client.id, "second")).toEqual({ code: "NXDOMAIN", answers: [] });
  });
});
