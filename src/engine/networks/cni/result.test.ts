import { describe, expect, test } from "bun:test";
import { attachmentOf, errorOf, readResult } from "./_result.ts";

const about = { network: "boats", device: "eth0", mapsPorts: false };
const read = (value: object, version: Parameters<typeof readResult>[1] = "1.0.0") =>
  readResult(JSON.stringify(value), version);

describe("a result", () => {
  const dual = {
    cniVersion: "1.0.0",
    interfaces: [
      { name: "cni0", mac: "0a:00:00:00:00:01" },
      { name: "eth0", mac: "0A:00:00:00:00:02", sandbox: "/run/netns/a", mtu: 1400 },
    ],
    ips: [
      { interface: 1, address: "fd88::2/64" },
      { interface: 0, address: "10.88.0.1/24" },
      { interface: 1, address: "10.88.0.2/24", gateway: "10.88.0.1" },
    ],
    dns: { nameservers: ["10.88.0.1", "evil\nsearch x"], domain: "boats.local", options: ["ndots:2", "a b"] },
    routes: [{ dst: "0.0.0.0/0" }],
  };

  test("gives the addresses of the device inside, in their order", () => {
    expect(attachmentOf(read(dual), about)).toEqual({
      ...about,
      mac: "0a:00:00:00:00:02",
      addresses: [{ address: "fd88::2/64" }, { address: "10.88.0.2/24", gateway: "10.88.0.1" }],
      dns: { servers: ["10.88.0.1"], searches: ["boats.local"], options: ["ndots:2"] },
    });
  });

  test("goes on to the next plug-in with all that it holds, in the version that is spoken", () => {
    expect(read(dual)).toEqual(dual);
    const old = read(dual, "0.4.0") as typeof dual;
    expect(old.cniVersion).toBe("0.4.0");
    expect(old.ips.map((each) => (each as { version?: string }).version)).toEqual(["6", "4", "4"]);
    const { ips } = read({ ...dual, cniVersion: "0.3.1", ips: old.ips }) as typeof dual;
    expect(ips).toEqual(dual.ips);
  });

  test("may be without addresses, or of a plug-in that names no interfaces", () => {
    expect(attachmentOf(read({}), about).addresses).toEqual([]);
    expect(attachmentOf(read({ ips: [{ address: "10.1.0.2/16" }] }), about).addresses).toEqual([
      { address: "10.1.0.2/16" },
    ]);
  });

  test.each([
    ["", "it is empty"],
    ["no JSON", "it is no JSON object"],
    ["[]", "it is no JSON object"],
    ['{"cniVersion":"9.9.9"}', 'its cniVersion is "9.9.9"'],
    ['{"ips":{}}', "ips is no list"],
    ['{"ips":[1]}', "ips holds 1"],
    [`{"ips":${JSON.stringify(Array(65).fill({ address: "10.0.0.1/8" }))}}`, "ips is no list of up to 64"],
    ['{"ips":[{"address":"10.0.0.1"}]}', "no address with its prefix length"],
    ['{"ips":[{"address":"10.0.0.1/33"}]}', "no address with its prefix length"],
    ['{"ips":[{"address":"10.0.0.1/8","gateway":"x"}]}', '"x" is no address of a gateway'],
    ['{"ips":[{"address":"10.0.0.1/8","interface":0}]}', "there is no interface 0"],
  ])("that is %p is refused", (text, words) => {
    expect(() => readResult(text, "1.0.0")).toThrow(words);
  });
});

test("a result that is nested very deeply is refused, one with many brackets in its texts is not", () => {
  const deep = (levels: number) => `{"x":${"[".repeat(levels)}${"]".repeat(levels)}}`;
  expect(() => readResult(deep(450_000), "1.0.0")).toThrow("it is no JSON object");
  expect(readResult(deep(99), "1.0.0")).toHaveProperty("x");
  expect(readResult(JSON.stringify({ x: `"\\${"[".repeat(200)}` }), "1.0.0")).toHaveProperty("x");
});

describe("an error", () => {
  const of = (output: string, said = "") => errorOf({ status: 1, output, said });

  test("is told in the plug-in's words, with its number", () => {
    const error = of('{"cniVersion":"1.0.0","code":11,"msg":"busy","details":"come back"}');
    expect([error.code, error.message]).toEqual(["unavailable", "busy: come back (code 11)"]);
    expect(of('{"code":112,"msg":"own"}').code).toBe("unknown");
  });

  test("without an object of one is what it wrote", () => {
    expect(of("", "panic: nil\n\tmain.go:1").message).toBe("panic: nil main.go:1");
    expect(of("plain").message).toBe("plain");
    expect(of("").message).toBe("it ended with status 1 and said nothing");
  });

  test("steers no terminal and is not long", () => {
    const { message } = of(JSON.stringify({ code: 1, msg: `\u001b[2J${"x".repeat(5000)}` }));
    expect(message).toStartWith("\\x1b[2J");
    expect(message.length).toBeLessThan(700);
  });
});
