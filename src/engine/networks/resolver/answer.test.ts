import { describe, expect, test } from "bun:test";
import type { Question } from "dns-packet";
import { memberOf, ownAnswers, reverseName, rotated } from "./answer.ts";
import { serversOf, type ResolverTable } from "./table.ts";

const member = (address: string, networks: string[]) => ({
  addresses: [address],
  networks,
  outside: true,
  dns: [],
  links: { store: "db" },
});
const table: ResolverTable = {
  serial: 1,
  listen: ["10.0.0.1"],
  resolvConf: "",
  members: { a: member("10.0.0.2", ["one", "two"]), b: member("10.1.0.2", ["two"]) },
  networks: {
    one: { web: ["10.0.0.5", "fd00::5", "10.0.0.6"], constructor1: ["10.0.0.9"] },
    two: { web: ["10.1.0.5"], db: ["10.1.0.7"] },
  },
};
const ask = (who: "a" | "b", name: string, type: Question["type"] = "A", turn = 0) => {
  const found = table.members[who];
  const question: Question = { name, type };
  return (
    found && ownAnswers(table, found, { question, turn })?.map((each) => (each as { data?: unknown }).data)
  );
};

describe("names", () => {
  test("of the first network of who asks that has it", () => {
    expect(ask("a", "web")).toEqual(["10.0.0.5", "10.0.0.6"]);
    expect(ask("b", "web")).toEqual(["10.1.0.5"]);
    expect(ask("a", "DB.")).toEqual(["10.1.0.7"]);
  });

  test("of a family that a name does not have are none, of nobody undefined", () => {
    expect(ask("a", "web", "AAAA")).toEqual(["fd00::5"]);
    expect(ask("b", "web", "AAAA")).toEqual([]);
    expect(ask("b", "web", "TXT")).toEqual([]);
    for (const name of ["nobody", "constructor", "__proto__", ""]) expect(ask("a", name)).toBeUndefined();
  });

  test("of an address, only in the networks of who asks", () => {
    expect(ask("a", "5.0.0.10.in-addr.arpa", "PTR")).toEqual(["web"]);
    expect(ask("b", "5.0.0.10.in-addr.arpa", "PTR")).toBeUndefined();
    expect(ask("a", reverseName("fd00::5"), "PTR")).toEqual(["web"]);
  });

  test("of a link, which only who has it knows", () => {
    expect(ask("b", "STORE")).toEqual(["10.1.0.7"]);
  });

  test("take turns", () => {
    expect(ask("a", "web", "A", 1)).toEqual(["10.0.0.6", "10.0.0.5"]);
    expect(rotated([1, 2, 3], 4)).toEqual([2, 3, 1]);
    expect(rotated([], 4)).toEqual([]);
  });
});

test("who asks is known by the address alone", () => {
  expect(memberOf(table, "::ffff:10.0.0.2")?.networks).toEqual(["one", "two"]);
  expect(memberOf(table, "10.0.0.77")).toBeUndefined();
});

test("an IPv6 address is turned around nibble by nibble", () => {
  expect(reverseName("2001:db8::567:89ab")).toBe(
    "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
  );
});

test("servers are the first three addresses of resolv.conf", () => {
  const text =
    "# nameserver 9.9.9.9\nsearch example\nnameserver 127.0.0.53\n nameserver\t::1\nnameserver x\nnameserver 1.1.1.1\nnameserver 8.8.8.8\n";
  expect(serversOf(text)).toEqual(["127.0.0.53", "::1", "1.1.1.1"]);
});
