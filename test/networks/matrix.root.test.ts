// deadline: 120 s
import { afterAll, beforeAll, expect, setDefaultTimeout } from "bun:test";
import { needing } from "../needs.ts";
import { Place, refusal } from "./_place.ts";

const { describe, test } = needing({ root: true, programs: ["ip", "nft", "nsenter", "tc"] });

interface Box {
  readonly id: string;
  readonly ip: string;
}

// Machines are shared: what takes 3 s alone takes 10 s then.
setDefaultTimeout(60_000);

describe("who reaches whom", () => {
  let place: Place;
  const box: Record<string, Box> = {};
  const reaches = async (pair: string, seconds: number) => {
    const [from = "", to = "", port = "80"] = pair.split(" ");
    return (await place.asked(box[from]?.id ?? from, `${box[to]?.ip}:${port}`, seconds)) !== "";
  };
  /** `r1 b1`, or `r1 world 7000`; all at once. What shall be reached has much more time than it needs. */
  const expectAll = async (wanted: Readonly<Record<string, boolean>>) => {
    const found = Object.entries(wanted).map(
      async ([pair, is]) => [pair, await reaches(pair, is ? 10 : 1)] as const,
    );
    expect(Object.fromEntries(await Promise.all(found))).toEqual(wanted);
  };

  beforeAll(async () => {
    place = new Place();
    await place.network({ name: "red", ipam: [{ subnet: "10.7.0.0/24" }] });
    await place.network({ name: "blue", ipam: [{ subnet: "10.8.0.0/24" }] });
    await place.network({ name: "closed", internal: true, ipam: [{ subnet: "10.9.0.0/24" }] });
    await place.network({
      name: "apart",
      ipam: [{ subnet: "10.10.0.0/24" }],
      options: { "com.docker.network.bridge.enable_icc": "false" },
    });
    await place.network({
      name: "friends",
      ipam: [{ subnet: "10.11.0.0/24" }],
      options: { "org.sampan.allow": "blue", "org.sampan.deny": "10.99.0.0/24" },
    });
    const places = {
      r1: "red",
      r2: "red",
      b1: "blue",
      c1: "closed",
      c2: "closed",
      a1: "apart",
      a2: "apart",
      f1: "friends",
    };
    for (const [name, network] of Object.entries(places)) {
      const made = await place.container(name, { [network]: {} });
      box[name] = { id: made.id, ip: made.ip };
      await place.serve(made.id, name);
    }
    await place.serve("outside", "world", 7000);
    box["world"] = { id: "outside", ip: "10.99.0.2" };
    place.run("outside", ["ip", "route", "add", "10.0.0.0/8", "via", "10.99.0.1"]);
  });
  afterAll(() => place[Symbol.asyncDispose]());

  test("within a network, but not over to another", async () => {
    await expectAll({ "r1 r2": true, "r2 r1": true });
    await expectAll({ "r1 b1": false, "b1 r1": false, "r1 c1": false, "c1 r1": false });
  });

  test("outside is reached, and reaches no container by a route of its own", async () => {
    await expectAll({ "r1 world 7000": true });
    await expectAll({ "outside r1": false, "outside c1": false });
  });

  test("an internal network talks within itself and to its host, not outside", async () => {
    await expectAll({ "c1 c2": true, "host c1": true });
    await expectAll({ "c1 world 7000": false });
    expect(place.run(box["c1"]?.id ?? "", ["ip", "route"]).output).not.toContain("default");
  });

  test("without communication between containers each reaches outside alone, also by way of the gateway", async () => {
    await expectAll({ "a1 a2": false, "a2 a1": false, "a1 world 7000": true });
    place.run(box["a1"]?.id ?? "", ["ip", "route", "add", `${box["a2"]?.ip}/32`, "via", "10.10.0.1"]);
    await expectAll({ "a1 a2": false });
  });

  test("a network that is allowed to another opens connections there, and not the other way round", async () => {
    await expectAll({ "f1 b1": true, "b1 f1": false, "f1 r1": false });
  });

  test("a prefix that is denied is not reached", async () => {
    await expectAll({ "f1 world 7000": false });
  });

  test("the administrator's chain comes first, stays, and an accept of ours undoes no drop of another table", async () => {
    const nft = (...command: string[]) => place.run("host", ["nft", ...command]);
    await expectAll({ "r1 world 7000": true });
    expect(
      nft("add", "rule", "inet", "sampan", "sampan-user", "ip", "saddr", "10.7.0.0/24", "drop").code,
    ).toBe(0);
    await expectAll({ "r1 world 7000": false });
    await place.network({ name: "another" });
    await place.call(
      "restore",
      Object.values(box).map(({ id }) => id),
    );
    await expectAll({ "r1 world 7000": false });
    nft("flush", "chain", "inet", "sampan", "sampan-user");
    await expectAll({ "r1 world 7000": true });
    nft("add", "table", "inet", "mine");
    nft(
      "add",
      "chain",
      "inet",
      "mine",
      "forward",
      "{ type filter hook forward priority 10 ; policy drop ; }",
    );
    await expectAll({ "r1 world 7000": false });
    nft("delete", "table", "inet", "mine");
    await expectAll({ "r1 world 7000": true });
  });

  test("joining and leaving while it runs: another device, its names, and the default route of the higher priority", async () => {
    const owner = place.owner("r1");
    const inside = (...command: string[]) => place.run(owner.id, command).output;
    await place.call("connect", "blue", owner, { GwPriority: 5, IPAMConfig: { IPv4Address: "10.8.0.77" } });
    expect(inside("ip", "-4", "-o", "addr", "show", "dev", "eth1")).toContain("10.8.0.77/24");
    expect(inside("ip", "route", "show", "default")).toContain("via 10.8.0.1 dev eth1");
    await expectAll({ "r1 b1": true, "b1 r1": false, "r1 r2": true });
    await place.call("disconnect", "blue", owner.id, {});
    expect(inside("ip", "-o", "link")).not.toContain("eth1");
    expect(inside("ip", "route", "show", "default")).toContain("via 10.7.0.1 dev eth0");
    await expectAll({ "r1 b1": false });
    expect(await refusal(place.call("connect", "red", owner, {}))).toContain("already exists in network red");
  });

  test("rates hold what a container sends and gets, and its bytes are counted", async () => {
    const asked = { DriverOpts: { "org.sampan.egress-rate": "8mbit", "org.sampan.ingress-rate": "16mbit" } };
    const slow = await place.container("slow", { red: asked });
    expect(place.run(slow.id, ["tc", "qdisc", "show", "dev", "eth0"]).output).toMatch(/tbf .* rate 8Mbit/);
    const name = `sv${slow.sandbox.endpoints[0]?.id.slice(0, 12)}`;
    expect(place.run("host", ["tc", "qdisc", "show", "dev", name]).output).toContain("rate 16Mbit");
    await place.serve(slow.id, "slow");
    expect(place.ask(box["r2"]?.id ?? "", `${slow.ip}:80`)).toStartWith("slow");
    const { eth0 } = await place.call<Record<string, { rxBytes: number; txBytes: number }>>(
      "traffic",
      slow.id,
    );
    expect(eth0?.rxBytes).toBeGreaterThan(100);
    expect(eth0?.txBytes).toBeGreaterThan(100);
    const wrong = { DriverOpts: { "org.sampan.egress-rate": "fast" } };
    expect(await refusal(place.container("wrong", { red: wrong }))).toContain("org.sampan.egress-rate=fast");
    expect(await place.call("sandbox", place.owner("wrong").id)).toBeNull();
  });

  test("a network in use stays, one that nobody uses goes with its bridge", async () => {
    expect(await refusal(place.call("remove", "red"))).toContain("active endpoints");
    for (const name of ["bridge", "host", "none"])
      expect(await refusal(place.call("remove", name))).toContain("pre-defined network");
    const { id } = await place.network({ name: "short" });
    expect(place.run("host", ["ip", "link", "show", `br-${id.slice(0, 12)}`]).code).toBe(0);
    await place.call("remove", id.slice(0, 10));
    expect(place.run("host", ["ip", "link", "show", `br-${id.slice(0, 12)}`]).code).not.toBe(0);
    expect(await refusal(place.call("get", "short"))).toContain("network short not found");
  });
});
