import { describe, expect, test } from "bun:test";
import { accepting, readAsking, refuseAsking, refusing, wantsUpgrade } from "./request.ts";

const key = "dGhlIHNhbXBsZSBub25jZQ==";
const lines = [
  "GET /a HTTP/1.1",
  "Host: cloud",
  "Connection: keep-alive, Upgrade",
  "Upgrade: WebSocket",
  `Sec-WebSocket-Key: ${key}`,
  "Sec-WebSocket-Version: 13",
];
const asking = (...given: readonly string[]) => readAsking(given.join("\r\n"));

test("a request is read, and accepted with the key of RFC 6455's example", () => {
  const read = asking(...lines, "Node_id: \te1 ", "Node_id: e2");
  expect(read).toMatchObject({ method: "GET", path: "/a" });
  expect(read?.headers["node_id"]).toBe("e1, e2");
  expect(read && wantsUpgrade(read)).toBe(true);
  expect(read && refuseAsking(read)).toBeUndefined();
  const answer = read ? accepting(read, { "x-more": "1" }) : "";
  expect(answer).toStartWith("HTTP/1.1 101 Switching Protocols\r\n");
  expect(answer).toContain("\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n");
  expect(answer).toEndWith("x-more: 1\r\n\r\n");
});

describe("is no request", () => {
  test.each([
    ["nothing", ""],
    ["another version", "GET / HTTP/1.0"],
    ["no path", "GET HTTP/1.1"],
    ["a line without a name", "GET / HTTP/1.1\r\n: a"],
    ["a line that goes on", "GET / HTTP/1.1\r\nA: b\r\n c"],
    ["a space before the colon", "GET / HTTP/1.1\r\nA : b"],
    ["a lone line feed", "GET / HTTP/1.1\r\nA: b\nC: d"],
  ])("%s", (_what, text) => {
    expect(readAsking(text)).toBeUndefined();
  });
});

test("what is no name of a field of ours cannot become a prototype", () => {
  const read = asking("GET / HTTP/1.1", "__proto__: a", "constructor: b");
  expect(read?.headers["upgrade"]).toBeUndefined();
  expect(Object.keys(read?.headers ?? {})).toEqual(["__proto__", "constructor"]);
});

describe("no WebSocket can be made of", () => {
  const without = (name: string) => lines.filter((line) => !line.startsWith(name));
  test.each([
    ["another method", ["POST / HTTP/1.1", ...lines.slice(1)], 405],
    ["no key", without("Sec-WebSocket-Key"), 400],
    ["a key that is none", [...without("Sec-WebSocket-Key"), "Sec-WebSocket-Key: abc"], 400],
    ["another version", [...without("Sec-WebSocket-Version"), "Sec-WebSocket-Version: 8"], 400],
  ] as const)("%s", (_what, given, status) => {
    const read = asking(...given);
    const refusal = read && refuseAsking(read);
    expect(refusal?.status).toBe(status);
    expect(refusal ? refusing(refusal) : "").toStartWith(`HTTP/1.1 ${status} `);
  });

  test("a request that does not ask for one", () => {
    const read = asking(...without("Upgrade"));
    expect(read && wantsUpgrade(read)).toBe(false);
  });
});
