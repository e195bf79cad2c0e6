import { describe, expect, test } from "bun:test";
import {
  contains,
  formatAddress,
  formatPrefix,
  overlap,
  parseAddress,
  parsePrefix,
  tryAddress,
} from "./_addresses.ts";
import { checkAddress, choosePool, macOf, nextAddress, uniqueLocal } from "./_ipam.ts";
import { parseRate } from "./_rate.ts";

const pool = (subnet: string, more: { range?: string; gateway?: string; reserved?: string[] } = {}) => ({
  subnet: parsePrefix(subnet),
  range: more.range === undefined ? undefined : parsePrefix(more.range),
  gateway: more.gateway === undefined ? undefined : parseAddress(more.gateway).value,
  reserved: (more.reserved ?? []).map((text) => parseAddress(text).value),
});
const taken = (...texts: string[]) => new Set(texts.map((text) => parseAddress(text).value));

describe("addresses", () => {
  test.each([
    "0.0.0.0",
    "172.17.0.2",
    "::",
    "::1",
    "fd00:77::2",
    "2001:db8::1:0:0:1",
    "fe80::42:acff:fe12:2",
    "1:2:3:4:5:6:7:8",
  ])("%s is written as it was read", (text) => {
    expect(formatAddress(parseAddress(text))).toBe(text);
  });

  test("other ways to write one become the short one", () => {
    expect(formatAddress(parseAddress("2001:DB8:0:0:1:0:0:1"))).toBe("2001:db8::1:0:0:1");
    expect(formatAddress(parseAddress("::ffff:10.0.0.1"))).toBe("::ffff:a00:1");
  });

  test.each(["", "10.0.0", "10.0.0.256", "010.0.0.1", "fe80::1%eth0", "::g", "1.2.3.4 ; drop"])(
    "%j is none",
    (text) => {
      expect(tryAddress(text)).toBeUndefined();
    },
  );

  test("a prefix drops the bits behind it, and knows what lies in it", () => {
    expect(formatPrefix(parsePrefix("172.17.5.9/16"))).toBe("172.17.0.0/16");
    expect(contains(parsePrefix("10.0.0.0/8"), parseAddress("10.255.255.255"))).toBe(true);
    expect(contains(parsePrefix("10.0.0.0/8"), parseAddress("11.0.0.0"))).toBe(false);
    expect(overlap(parsePrefix("10.0.0.0/8"), parsePrefix("10.7.0.0/16"))).toBe(true);
    expect(overlap(parsePrefix("10.0.0.0/8"), parsePrefix("::/0"))).toBe(false);
    expect(() => parsePrefix("10.0.0.0/33")).toThrow('cannot use subnet "10.0.0.0/33"');
    expect(() => parsePrefix("10.0.0.0")).toThrow();
  });
});

describe("subnets", () => {
  test("the first of Docker's pools that touches nothing", () => {
    expect(formatPrefix(choosePool([]))).toBe("172.17.0.0/16");
    expect(formatPrefix(choosePool([parsePrefix("172.16.0.0/14")]))).toBe("172.20.0.0/16");
    expect(formatPrefix(choosePool([parsePrefix("172.16.0.0/12")]))).toBe("192.168.0.0/20");
    expect(() => choosePool([parsePrefix("172.0.0.0/8"), parsePrefix("192.168.0.0/16")])).toThrow(
      "fully subnetted",
    );
  });

  test("of other pools the first piece that is free", () => {
    const pools = [
      { base: "fd00::/48", size: 64 },
      { base: "10.200.0.0/23", size: 24 },
    ];
    expect(formatPrefix(choosePool([], pools))).toBe("10.200.0.0/24");
    expect(formatPrefix(choosePool([parsePrefix("10.200.0.128/25")], pools))).toBe("10.200.1.0/24");
    expect(() => choosePool([parsePrefix("10.200.0.0/16")], pools)).toThrow("fully subnetted");
  });

  test("a unique local prefix of /64", () => {
    expect(formatPrefix(uniqueLocal(() => new Uint8Array([1, 2, 3, 4, 5])))).toBe("fd01:203:405::/64");
  });
});

describe("addresses that are given out", () => {
  const next = (...args: Parameters<typeof nextAddress>) => formatAddress(nextAddress(...args));

  test("the lowest that is neither the network's, the gateway's, reserved, nor taken", () => {
    const given = pool("10.0.0.0/29", { gateway: "10.0.0.1", reserved: ["10.0.0.3"] });
    expect(next(given, taken())).toBe("10.0.0.2");
    expect(next(given, taken("10.0.0.2"))).toBe("10.0.0.4");
    expect(() => nextAddress(given, taken("10.0.0.2", "10.0.0.4", "10.0.0.5", "10.0.0.6"))).toThrow(
      "no available addresses in 10.0.0.0/29",
    );
  });

  test("out of the range alone, where there is one", () => {
    const given = pool("10.0.0.0/24", { range: "10.0.0.128/31", gateway: "10.0.0.1" });
    expect(next(given, taken())).toBe("10.0.0.128");
    expect(() => nextAddress(given, taken("10.0.0.128", "10.0.0.129"))).toThrow("10.0.0.128/31");
    expect(next(pool("fd00::/64", { gateway: "fd00::1" }), taken())).toBe("fd00::2");
  });

  test("one that is asked for must lie in the subnet and be nobody else's", () => {
    const given = pool("10.0.0.0/24", { gateway: "10.0.0.1" });
    const check = (text: string) => () => checkAddress(given, parseAddress(text), taken("10.0.0.9"));
    expect(check("10.0.0.77")).not.toThrow();
    expect(check("10.0.1.77")).toThrow("no configured subnet contains it");
    expect(check("10.0.0.9")).toThrow("Address already in use");
    expect(check("10.0.0.1")).toThrow("Address already in use");
  });

  test("the hardware address follows from the address, so that neighbours find who gets it next", () => {
    expect(macOf(parseAddress("172.17.0.2"), "abcdef0123")).toBe("02:42:ac:11:00:02");
    expect(macOf(undefined, "abcdef0123")).toBe("02:42:ab:cd:ef:01");
  });
});

test("rates are bits by thousands or bytes by 1024", () => {
  const rate = (text: string) => parseRate("rate", text);
  expect([rate("8mbit"), rate("1gbit"), rate("512k"), rate("1.5M"), rate("2000")]).toEqual([
    1e6, 125e6, 524_288, 1_572_864, 2000,
  ]);
  for (const wrong of ["", "fast", "1", "-5mbit", "10 mbit", "1e9mbit"])
    expect(() => rate(wrong)).toThrow(`cannot use rate=${wrong}`);
});
