import { afterAll, beforeAll, expect } from "bun:test";
import { needing } from "../needs.ts";
import { Place } from "./_place.ts";

const { describe, test } = needing({ root: true, programs: ["ip", "nft", "nsenter"] });

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
});
