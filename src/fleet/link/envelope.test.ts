import { describe, expect, test } from "bun:test";
import { SampanError } from "../../base/errors.ts";
import { compareVersions, formatEnvelope, message, parseEnvelope, respond } from "./envelope.ts";

const wire = {
  header: { msg_id: "m-1", parent_msg_id: "m-0", timestamp: 1795242241288, resourceversion: "339" },
  route: { source: "edgecontroller", group: "resource", operation: "update", resource: "default/pod/p1" },
  content: { metadata: { name: "p1" } },
};

const refusal = (input: string | Uint8Array, limits?: { bytes: number; depth: number; values?: number }) => {
  try {
    parseEnvelope(input, limits);
    return "accepted";
  } catch (error) {
    return error instanceof SampanError ? `${error.code}: ${error.message}` : "another error";
  }
};

test("a message is written as it was read, with a newline behind it", () => {
  const text = `${JSON.stringify(wire)}\n`;
  expect(formatEnvelope(parseEnvelope(text))).toBe(text);
  expect(formatEnvelope(parseEnvelope(Buffer.from(text)))).toBe(text);
});

test("sync, destination, empty and unknown fields are not written", () => {
  const odd = {
    header: { ...wire.header, parent_msg_id: "", sync: true, type: "", more: 1 },
    route: { ...wire.route, destination: "x", group: "", more: 1 },
    content: null,
    more: 1,
  };
  expect(JSON.parse(formatEnvelope(parseEnvelope(JSON.stringify(odd))))).toEqual({
    header: { msg_id: "m-1", timestamp: 1795242241288, resourceversion: "339" },
    route: { source: "edgecontroller", operation: "update", resource: "default/pod/p1" },
    content: null,
  });
});

test("what is absent is read as empty, and content is always written", () => {
  const empty = parseEnvelope("{}");
  expect(empty.route).toEqual({ source: "", group: "", operation: "", resource: "" });
  expect(formatEnvelope(empty)).toBe('{"header":{"msg_id":"","timestamp":0},"route":{},"content":null}\n');
});

test("an own message has a new id and the time in milliseconds", () => {
  const [one, two] = [message({ group: "resource" }, 1), message({ group: "resource" }, 1)];
  expect(one.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4/);
  expect(one.id).not.toBe(two.id);
  expect(message({}, undefined, { id: "a", now: 5, resourceVersion: "7" })).toEqual({
    id: "a",
    timestamp: 5,
    resourceVersion: "7",
    route: { source: "", group: "", operation: "", resource: "" },
    content: null,
  });
  expect(() => message({ resource: "a\nb" }, null)).toThrow(SampanError);
});

test("an answer names its request and keeps its resource", () => {
  const request = parseEnvelope(JSON.stringify(wire));
  const answer = respond(request, { source: "edgecontroller", group: "resource" }, "OK", { id: "b", now: 1 });
  expect(answer).toEqual({
    id: "b",
    parent: "m-1",
    timestamp: 1,
    route: { source: "edgecontroller", group: "resource", operation: "response", resource: "default/pod/p1" },
    content: "OK",
  });
  expect(() => respond(parseEnvelope("{}"), {}, "OK")).toThrow("no msg_id");
});

describe("refused, with the field's name", () => {
  const withHeader = (header: object) => JSON.stringify({ ...wire, header: { ...wire.header, ...header } });
  const withRoute = (route: object) => JSON.stringify({ ...wire, route: { ...wire.route, ...route } });
  const cases: readonly [what: string, input: string | Uint8Array, text: string][] = [
    ["no JSON", "{", "the message"],
    ["a list", "[]", "the message"],
    ["two documents", "{}{}", "the message"],
    ["a number beyond all doubles", '{"content":[{"a":1e400}]}', "the message"],
    ["a number with too many digits", `{"content":${"9".repeat(400)}}`, "the message"],
    ["no UTF-8", new Uint8Array([0x22, 0xff, 0x22]), "UTF-8"],
    ["a header that is a list", '{"header":[]}', "header"],
    ["a route that is a text", '{"route":"x"}', "route"],
    ["an id that is a number", withHeader({ msg_id: 1 }), "header.msg_id"],
    ["an id without end", withHeader({ msg_id: "a".repeat(129) }), "header.msg_id"],
    ["an id with a line end", withHeader({ msg_id: "a\nb" }), "header.msg_id"],
    ["a parent that is an object", withHeader({ parent_msg_id: {} }), "header.parent_msg_id"],
    ["a time with a fraction", withHeader({ timestamp: 1.5 }), "header.timestamp"],
    ["a time beyond exactness", withHeader({ timestamp: 2 ** 60 }), "header.timestamp"],
    ["a version that is no number", withHeader({ resourceversion: "-1" }), "header.resourceversion"],
    [
      "a version beyond 64 bits",
      withHeader({ resourceversion: "18446744073709551616" }),
      "header.resourceversion",
    ],
    ["a source with a slash", withRoute({ source: "a/b" }), "route.source"],
    ["an operation with a space", withRoute({ operation: "a b" }), "route.operation"],
    ["a resource with a control character", withRoute({ resource: "a\u0000" }), "route.resource"],
    ["a resource without end", withRoute({ resource: "a".repeat(5000) }), "route.resource"],
  ];
  test.each(cases)("%s", (_what, input, text) => {
    expect(refusal(input)).toStartWith("invalid_argument: ");
    expect(refusal(input)).toContain(text);
  });

  test("more bytes or levels than the limit", () => {
    expect(refusal(JSON.stringify(wire), { bytes: 40, depth: 10 })).toStartWith("resource_exhausted: ");
    const deep = `{"content":${"[".repeat(9)}${"]".repeat(9)}}`;
    expect(refusal(deep, { bytes: 100, depth: 10 })).toBe("accepted");
    expect(refusal(deep, { bytes: 100, depth: 9 })).toContain("levels");
    expect(refusal(`{"content":${"[".repeat(1 << 20)}`)).toContain("levels");
    const many = (inside: string) =>
      refusal(`{"content":[${inside}]}`, { bytes: 1000, depth: 10, values: 20 });
    expect(many("{},".repeat(8) + "1")).toBe("accepted");
    expect(many("{},".repeat(20) + "1")).toContain("resource_exhausted");
    expect(many("1,".repeat(20) + "1")).toContain("more than 20 values");
    expect(many(`"${",[{".repeat(50)}"`)).toBe("accepted");
    expect(refusal(JSON.stringify({ content: `${"[".repeat(200)}"\\` }))).toBe("accepted");
  });

  test("a text that looks like a large number is a text", () => {
    expect(refusal('{"content":{"image":"sha256:3e456","large":1e100}}')).toBe("accepted");
  });

  test("a secret is not shown whole", () => {
    const token = "s3cr3t".repeat(20);
    expect(refusal(JSON.stringify({ header: { resourceversion: token } }))).not.toContain(token);
  });
});

test("resource versions are compared as numbers of 64 bits", () => {
  expect(compareVersions("9", "10")).toBe(-1);
  expect(compareVersions("18446744073709551615", "18446744073709551614")).toBe(1);
  expect(compareVersions("9007199254740993", "9007199254740992")).toBe(1);
  expect(compareVersions("007", "7")).toBe(0);
  expect(compareVersions(undefined, "0")).toBe(-1);
  expect(compareVersions("", undefined)).toBe(0);
  expect(() => compareVersions("x", "1")).toThrow(SampanError);
});
