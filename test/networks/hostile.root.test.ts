/** What a container with rights over its own network tries on others and on the host. */
import { afterAll, beforeAll, expect, setDefaultTimeout } from "bun:test";
import { needing } from "../needs.ts";
import { must, Place } from "./_place.ts";

const { test } = needing({ root: true, programs: ["ip", "nft", "nsenter"] });

setDefaultTimeout(60_000);

let place: Place;
let bad: { id: string; ip: string };
let gateway: string;

beforeAll(async () => {
  place = new Place();
  await place.network({ name: "front", ipv6: true });
  bad = await place.container("bad", { front: {} });
  gateway = `${bad.ip.split(".").slice(0, 3).join(".")}.1`;
});
afterAll(() => place[Symbol.asyncDispose]());

const within = (...words: string[]) => must(["nsenter", `--net=${place.state}/netns/${bad.id}`, ...words]);

test("the host's services on 127.0.0.1 are not reached by way of the gateway, from any address (CVE-2020-8558)", async () => {
  await place.serve("host", "private", 90);
  expect(place.ask("host", "127.0.0.1:90")).toStartWith("private");
  within("ip", "address", "del", "127.0.0.1/8", "dev", "lo");
  within("ip", "route", "add", "127.0.0.0/8", "via", gateway);
  within("sh", "-c", "echo 1 > /proc/sys/net/ipv4/conf/eth0/route_localnet");
  expect(place.askInVain(bad.id, "127.0.0.1:90")).toBe("");
  // The rule is what stops it: without it the service answers.
  const guard = [
    "nsenter",
    `--net=/run/netns/${place.name}`,
    "nft",
    "flush",
    "chain",
    "inet",
    "sampan",
    "guard",
  ];
  must(guard);
  expect(place.ask(bad.id, "127.0.0.1:90")).toStartWith("private");
});

test("advertisements of a container give no other one a route, nor the host (CVE-2020-13401)", async () => {
  const other = await place.container("other", { front: {} });
  const bridge = place.run("host", ["ip", "-o", "route", "get", other.ip]).output.split(" ")[2] ?? "";
  const accepted = (where: string, device: string) =>
    place.run(where, ["cat", `/proc/sys/net/ipv6/conf/${device}/accept_ra`]).output.trim();
  expect(accepted("host", bridge)).toBe("0");
  expect(accepted(other.id, "eth0")).toBe("0");
});
