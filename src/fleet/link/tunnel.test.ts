import { describe, expect, test } from "bun:test";
import { SampanError } from "../../base/errors.ts";
import {
  decodeFrame,
  encodeFrame,
  formatConnect,
  frameLimit,
  frameTypes,
  parseConnect,
  targetOf,
  type FrameType,
} from "./tunnel.ts";

const request = {
  MessID: 1,
  url: {
    Scheme: "http",
    Opaque: "",
    User: null,
    Host: "127.0.0.1:10350",
    Path: "/containerLogs/default/p1/c",
    RawPath: "",
    OmitHost: false,
    ForceQuery: false,
    RawQuery: "tailLines=3",
    Fragment: "",
    RawFragment: "",
  },
  header: { "User-Agent": ["kubectl\t1.32"] },
  method: "POST",
};

test.each([0, 1, 127, 128, 300, 2 ** 32, Number.MAX_SAFE_INTEGER])(
  "connection %p is written and read",
  (connection) => {
    const data = new Uint8Array([0xff, 0x00, 0x80]);
    expect(decodeFrame(encodeFrame({ connection, type: "data", data }))).toEqual({
      connection,
      type: "data",
      data,
    });
  },
);

test("numbers stand as Go's varints", () => {
  expect([...encodeFrame({ connection: 300, type: "attach", data: new Uint8Array([7]) })]).toEqual([
    0xac, 0x02, 6, 7,
  ]);
  for (const type of Object.keys(frameTypes) as FrameType[])
    expect(decodeFrame(encodeFrame({ connection: 1, type, data: new Uint8Array() })).type).toBe(type);
});

describe("a frame is refused", () => {
  test.each<[string, number[]]>([
    ["without bytes", []],
    ["that ends in its connection", [0x80]],
    ["without a type", [1]],
    ["of an unknown type", [1, 8]],
    [
      "whose connection has more than 53 bits",
      [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 3],
    ],
    ["whose connection is just beyond", [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 3]],
  ])("%s", (_what, bytes) => {
    expect(() => decodeFrame(Uint8Array.from(bytes))).toThrow(SampanError);
  });

  test("with more than a mebibyte of data, both ways", () => {
    const whole = new Uint8Array(frameLimit);
    expect(decodeFrame(encodeFrame({ connection: 1, type: "data", data: whole })).data.byteLength).toBe(
      frameLimit,
    );
    expect(() => encodeFrame({ connection: 1, type: "data", data: new Uint8Array(frameLimit + 1) })).toThrow(
      "bytes",
    );
    expect(() => decodeFrame(new Uint8Array(frameLimit + 3).fill(1, 0, 1).fill(3, 1, 2))).toThrow("bytes");
    expect(() => encodeFrame({ connection: -1, type: "data", data: whole })).toThrow(SampanError);
  });
});

test("the request that opens a connection is written as it was read", () => {
  const bytes = Buffer.from(JSON.stringify(request));
  expect(Buffer.from(formatConnect(parseConnect(bytes))).toString()).toBe(bytes.toString());
  const { method: _method, ...logs } = request;
  expect(parseConnect(Buffer.from(JSON.stringify({ ...logs, header: null })))).toEqual({
    ...logs,
    header: null,
  });
});

test.each<[string, unknown]>([
  ["MessID", { ...request, MessID: "1" }],
  ["url", { ...request, url: "http://x" }],
  ["url.Path", { ...request, url: { ...request.url, Path: "x" } }],
  ["url.Path", { ...request, url: { ...request.url, Path: "/a\r\nb" } }],
  ["url.RawQuery", { ...request, url: { ...request.url, RawQuery: "a\nb" } }],
  ["header", { ...request, header: [] }],
  ['header["A"]', { ...request, header: { A: "b" } }],
  ['header["A"][0]', { ...request, header: { A: ["a\r\nb"] } }],
  ["a key of the request.header", { ...request, header: { "A B": [] } }],
  ["method", { ...request, method: "GET /" }],
])("a request with another %s is refused", (field, given) => {
  expect(() => parseConnect(Buffer.from(JSON.stringify(given)))).toThrow(field);
});

test("of the address only path and query are asked, escaped", () => {
  const ask = (url: Partial<(typeof request)["url"]>) =>
    targetOf({ ...request, url: { ...request.url, ...url } });
  expect(ask({ Host: "evil:1" })).toBe("/containerLogs/default/p1/c?tailLines=3");
  expect(ask({ Path: "/a b/ü?x#y", RawQuery: "" })).toBe("/a%20b/%C3%BC%3Fx%23y");
  expect(ask({ Path: "/a/b", RawPath: "/a%2Fb", RawQuery: "" })).toBe("/a%2Fb");
  expect(ask({ Path: "/a", RawPath: "/other", RawQuery: "" })).toBe("/a");
  expect(ask({ Path: "/\ud800", RawPath: "/%", RawQuery: "" })).toBe("/%EF%BF%BD");
});
