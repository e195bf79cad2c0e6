import { afterAll, beforeAll, expect, setDefaultTimeout } from "bun:test";
import { needing } from "../needs.ts";
import { Place, refusal } from "./_place.ts";

const { describe, test } = needing({ root: true, programs: ["ip", "nft", "nsenter"] });

// Machines are shared: what takes 3 s alone takes 10 s then.
setDefaultTimeout(60_000);

describe("the default bridge", () => {
  let place: Place;
  beforeAll(() => {
    place = new Place();
  });
  afterAll(() => place[Symbol.asyncDispose]());

  test("two containers reach each other, the host and outside, and outside sees the host", async () => {
    const a = await place.container("a", { bridge: {} });
    const b = await place.container("b", { bridge: {} });
    await place.serve(b.id, "b");
    await place.serve("outside", "world", 7000);
    expect(place.ask(a.id, `${b.ip}:80`)).toBe(`b ${a.ip}`);
    expect(place.ask("host", `${b.ip}:80`)).toBe("b 172.17.0.1");
    expect(place.ask(a.id, "10.99.0.2:7000")).toBe("world 10.99.0.1");
    expect(place.ask(a.id, "10.99.0.2:7000", { protocol: "udp" })).toBe("world 10.99.0.1");
    expect(a.sandbox.nameservers).toEqual([]);
  });

  test("a published port is reached from outside, from the host by each of its addresses, and from a container", async () => {
    const web = await place.container(
      "web",
      { bridge: {} },
      { "80/tcp": [{ HostPort: "8080" }], "80/udp": [{ HostPort: "8080" }] },
    );
    await place.serve(web.id, "web");
    expect(web.sandbox.ports).toEqual({
      "80/tcp": [{ HostIp: "0.0.0.0", HostPort: "8080" }],
      "80/udp": [{ HostIp: "0.0.0.0", HostPort: "8080" }],
    });
    expect(place.ask("outside", "10.99.0.1:8080")).toBe("web 10.99.0.2");
    expect(place.ask("outside", "10.99.0.1:8080", { protocol: "udp" })).toBe("web 10.99.0.2");
    expect(place.ask("host", "10.99.0.1:8080")).toBe("web 10.99.0.1");
    expect(place.ask("host", "127.0.0.1:8080")).toBe("web 172.17.0.1");
    expect(place.ask("host", "127.0.0.1:8080", { protocol: "udp" })).toBe("web 172.17.0.1");
    expect(place.ask("host", "172.17.0.1:8080")).toBe("web 172.17.0.1");
    expect(place.ask(web.id, "10.99.0.1:8080")).toBe("web 172.17.0.1");
  });

  test("what is published at 127.0.0.1 is reached by the host alone", async () => {
    const admin = await place.container(
      "admin",
      { bridge: {} },
      { "80/tcp": [{ HostIp: "127.0.0.1", HostPort: "9000" }] },
    );
    await place.serve(admin.id, "admin");
    expect(place.ask("host", "127.0.0.1:9000")).toBe("admin 172.17.0.1");
    expect(place.askInVain("outside", "10.99.0.1:9000")).toBe("");
    // A neighbour that sends to 127.0.0.1 by way of this host, and a container that does.
    place.run("outside", ["sysctl", "-w", "net.ipv4.conf.all.route_localnet=1"]);
    place.run("outside", [
      "ip",
      "route",
      "add",
      "table",
      "7",
      "127.0.0.1/32",
      "via",
      "10.99.0.1",
      "dev",
      "wan0",
    ]);
    place.run("outside", ["ip", "rule", "add", "pref", "0", "to", "127.0.0.1/32", "table", "7"]);
    place.run("outside", ["ip", "rule", "add", "pref", "1", "table", "local"]);
    place.run("outside", ["ip", "rule", "del", "pref", "0", "table", "local"]);
    expect(place.askInVain("outside", "127.0.0.1:9000")).toBe("");
  });

  test("a given address, a range and any free port", async () => {
    const some = await place.container(
      "some",
      { bridge: {} },
      {
        "80/tcp": [{ HostIp: "10.99.0.1", HostPort: "8081" }, { HostPort: "8080-8085" }, {}],
        "81/udp": [{ HostPort: "" }],
      },
    );
    await place.serve(some.id, "some");
    const [given, ranged, free] = some.sandbox.ports["80/tcp"] ?? [];
    expect(given).toEqual({ HostIp: "10.99.0.1", HostPort: "8081" });
    // 8080 is another container's, and 8081 this one's own at one address.
    expect(ranged).toEqual({ HostIp: "0.0.0.0", HostPort: "8082" });
    expect(Number(free?.HostPort)).toBeGreaterThanOrEqual(32_768);
    expect(Number(some.sandbox.ports["81/udp"]?.[0]?.HostPort)).toBeGreaterThanOrEqual(32_768);
    expect(place.ask("outside", "10.99.0.1:8081")).toBe("some 10.99.0.2");
    expect(place.askInVain("host", "127.0.0.1:8081")).toBe("");
    expect(place.ask("outside", "10.99.0.1:8082")).toBe("some 10.99.0.2");
    expect(place.ask("outside", `10.99.0.1:${free?.HostPort}`)).toBe("some 10.99.0.2");
  });

  test("a port of another container or of a process is refused in Docker's words, and nothing is left of the attempt", async () => {
    expect(
      await refusal(place.container("late", { bridge: {} }, { "80/tcp": [{ HostPort: "8080" }] })),
    ).toContain("Bind for 0.0.0.0:8080 failed: port is already allocated");
    await place.serve("host", "own", 8090);
    const wanted = { "80/tcp": [{ HostPort: "8091" }, { HostPort: "8090" }] };
    expect(await refusal(place.container("late2", { bridge: {} }, wanted))).toContain(
      "8090 failed: port is already allocated",
    );
    for (const name of ["late", "late2"])
      expect(await place.call("sandbox", place.owner(name).id)).toBeNull();
    expect(place.run("host", ["nft", "list", "map", "inet", "sampan", "any4"]).output).not.toContain("8091");
  });

  test("a port goes with its container, and another may have it", async () => {
    await place.call("close", place.owner("web").id);
    expect(place.askInVain("outside", "10.99.0.1:8080")).toBe("");
    const next = await place.container("next", { bridge: {} }, { "80/tcp": [{ HostPort: "8080" }] });
    await place.serve(next.id, "next");
    expect(place.ask("outside", "10.99.0.1:8080")).toBe("next 10.99.0.2");
  });

  test("a port follows its container from one network to another, and stays its own in between", async () => {
    await place.network({ name: "first" });
    await place.network({ name: "second" });
    const mover = await place.container("mover", { first: {} }, { "80/tcp": [{ HostPort: "8700" }] });
    await place.serve(mover.id, "mover");
    expect(place.ask("outside", "10.99.0.1:8700")).toBe("mover 10.99.0.2");
    await place.call("disconnect", "first", mover.id, {});
    expect(place.askInVain("outside", "10.99.0.1:8700")).toBe("");
    const thief = place.container("thief", { bridge: {} }, { "80/tcp": [{ HostPort: "8700" }] });
    expect(await refusal(thief)).toContain("port is already allocated");
    await place.call("connect", "second", place.owner("mover"), {});
    expect(place.ask("outside", "10.99.0.1:8700")).toBe("mover 10.99.0.2");
  });

  test("who sent datagrams before the port was published reaches the container, and the next one that has it", async () => {
    const how = { protocol: "udp", from: 5555 } as const;
    const send = () => place.ask("outside", "10.99.0.1:8800", how);
    const ports = { "80/udp": [{ HostPort: "8800" }] };
    expect(place.askInVain("outside", "10.99.0.1:8800", how)).toBe("");
    const log = await place.container("log", { bridge: {} }, ports);
    await place.serve(log.id, "log");
    expect(send()).toBe("log 10.99.0.2");
    await place.call("close", log.id);
    const log2 = await place.container("log2", { first: {} }, ports);
    await place.serve(log2.id, "log2");
    expect(send()).toBe("log2 10.99.0.2");
  });

  test("a new name is found at once, the old one no more", async () => {
    const owner = place.owner("mover");
    await place.call("renamed", { ...owner, name: "moved" });
    const { endpoints } = await place.call<{ endpoints: { names: string[] }[] }>("sandbox", owner.id);
    expect(endpoints[0]?.names).toEqual(["moved", owner.id.slice(0, 12), "host-mover"]);
  });

  test("with IPv6 a port is published for both families", async () => {
    await place.network({ name: "six", ipv6: true, ipam: [{ subnet: "fd00:77::/64" }] });
    const six = await place.container("six", { six: {} }, { "80/tcp": [{ HostPort: "8600" }] });
    await place.serve(six.id, "six");
    expect(six.sandbox.ports["80/tcp"]).toEqual([
      { HostIp: "0.0.0.0", HostPort: "8600" },
      { HostIp: "::", HostPort: "8600" },
    ]);
    expect(place.ask("outside", "[fd99::1]:8600")).toBe("six fd99::2");
    expect(place.ask("outside", "10.99.0.1:8600")).toBe("six 10.99.0.2");
    expect(place.ask("host", "[fd99::1]:8600")).toBe("six fd99::1");
    expect(place.askInVain("outside", "[fd00:77::2]:80")).toBe("");
    await place.serve("outside", "world6", 7001);
    expect(place.ask(six.id, "[fd99::2]:7001")).toBe("world6 fd99::1");
    const plain = await place.container("plain", { bridge: {} });
    expect(place.run(plain.id, ["ip", "-6", "-o", "addr", "show", "dev", "eth0"]).output).toBe("");
  });

  test("what is no port and no address is refused", async () => {
    const open = (ports: Record<string, object[]>) =>
      place.container(`bad${Math.random()}`, { bridge: {} }, ports);
    expect(await refusal(open({ "80/icmp": [] }))).toContain('cannot publish port "80/icmp"');
    expect(await refusal(open({ "80/tcp": [{ HostPort: "90-80" }] }))).toContain(
      '"90-80" is no port of the host',
    );
    expect(await refusal(open({ "80/tcp": [{ HostIp: "::g", HostPort: "90" }] }))).toContain(
      '"::g" is no IP address',
    );
  });
});
