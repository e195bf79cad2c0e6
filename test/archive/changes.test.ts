import { expect, test } from "bun:test";
import { applyChanges } from "../../src/engine/images/_changes.ts";
import { compareValues } from "../../src/engine/images/diff.ts";
import { encodeHeader } from "../../src/engine/archive/header.ts";

const read: readonly [change: string, wanted: object][] = [
  ['CMD ["a", "b c"]', { Cmd: ["a", "b c"] }],
  ["CMD run it", { Cmd: ["/bin/sh", "-c", "run it"] }],
  ["CMD ['single']", { Cmd: ["/bin/sh", "-c", "['single']"] }],
  ['cmd ["lower"]', { Cmd: ["lower"] }],
  ['ENTRYPOINT ["/init"]', { Entrypoint: ["/init"] }],
  ["ENV A=1 B=\"two words\" C='3' D=x\\ y", { Env: ["A=1", "B=two words", "C=3", "D=x y"] }],
  ["ENV OLD all the rest", { Env: ["OLD=all the rest"] }],
  [
    "EXPOSE 80 53/UDP 8000-8001",
    { ExposedPorts: { "80/tcp": {}, "53/udp": {}, "8000/tcp": {}, "8001/tcp": {} } },
  ],
  ['LABEL a=b "c d"="e f"', { Labels: { a: "b", "c d": "e f" } }],
  ["ONBUILD RUN x", { OnBuild: ["RUN x"] }],
  ["USER 1000:1000", { User: "1000:1000" }],
  ['VOLUME ["/a", "/b"]', { Volumes: { "/a": {}, "/b": {} } }],
  ["VOLUME /a /b", { Volumes: { "/a": {}, "/b": {} } }],
  ["WORKDIR /a/../b/./c", { WorkingDir: "/b/c" }],
  ["STOPSIGNAL SIGTERM", { StopSignal: "SIGTERM" }],
  ["HEALTHCHECK NONE", { Healthcheck: { Test: ["NONE"] } }],
  [
    "HEALTHCHECK --interval=1m30s --timeout=500ms --retries=3 CMD curl x",
    { Healthcheck: { Test: ["CMD-SHELL", "curl x"], Interval: 90e9, Timeout: 5e8, Retries: 3 } },
  ],
  ['HEALTHCHECK CMD ["a"]', { Healthcheck: { Test: ["CMD", "a"] } }],
  ["ENV A=1 \\\n  B=2", { Env: ["A=1", "B=2"] }],
  ["USER a\nWORKDIR /w", { User: "a", WorkingDir: "/w" }],
];

test.each(read.map(([change, wanted]) => ({ change, wanted })))("$change", ({ change, wanted }) => {
  expect(applyChanges({}, [change])).toEqual(wanted as never);
});

const refused: readonly [change: string, why: string][] = [
  ["RUN x", "RUN is not among"],
  ["toString x", "toString is not among"],
  ["CMD", "it has no argument"],
  ["ENV A", "wanted KEY=VALUE"],
  ["EXPOSE 0", "not a port"],
  ["EXPOSE 80/icmp", "not a port"],
  ["LABEL a='b", "has no end"],
  ["ONBUILD FROM x", "cannot stand behind ONBUILD"],
  ["HEALTHCHECK --interval=5 CMD x", "not a duration"],
  ["HEALTHCHECK --what=5s CMD x", "no flag --what"],
  ["HEALTHCHECK x", "wanted NONE, or CMD"],
];

test.each(refused.map(([change, why]) => ({ change, why })))("$change is refused", ({ change, why }) => {
  expect(() => applyChanges({}, [change])).toThrow(why);
});

test("what is there is kept, replaced or added to, as the instruction says", () => {
  const before = {
    Env: ["A=1", "B=2"],
    Labels: { x: "1" },
    WorkingDir: "/w",
    Shell: ["/bin/bash", "-c"],
    Other: 1,
  };
  expect(applyChanges(before, ["ENV A=9", "LABEL y=2", "WORKDIR sub", "CMD x"])).toEqual({
    Env: ["A=9", "B=2"],
    Labels: { x: "1", y: "2" },
    WorkingDir: "/w/sub",
    Shell: ["/bin/bash", "-c"],
    Other: 1,
    Cmd: ["/bin/bash", "-c", "x"],
  } as never);
});

test("configurations are compared field by field, lists as values, absent as null", () => {
  const a = { config: { Env: ["A"], Labels: { "org.example": "1" }, User: null }, os: "linux" };
  const b = { config: { Env: ["B"], Labels: {}, Cmd: ["x"] }, os: "linux" };
  expect(compareValues(a, b, "")).toEqual([
    { path: "config.Cmd", before: null, after: ["x"] },
    { path: "config.Env", before: ["A"], after: ["B"] },
    { path: 'config.Labels["org.example"]', before: "1", after: null },
  ]);
});

const plain = {
  type: "file",
  name: "a",
  mode: 0o644,
  uid: 0,
  gid: 0,
  size: 0,
  seconds: 1,
  nanoseconds: 0,
} as const;

test("a header that ustar can say is one block, and any other has a PAX header in front", () => {
  expect(encodeHeader(plain)).toHaveLength(512);
  expect(encodeHeader({ ...plain, name: `${"d".repeat(150)}/${"f".repeat(90)}` })).toHaveLength(512);
  for (const more of [
    { name: "f".repeat(101) },
    { name: "\xc3\xbc" },
    { target: "t".repeat(101) },
    { uid: 2 ** 21 },
    { size: 2 ** 33 },
    { nanoseconds: 5 },
    { seconds: -1 },
  ])
    expect(encodeHeader({ ...plain, ...more })).toHaveLength(1536);
});

test("a record whose length gains a digit by its own digits is right", () => {
  for (let length = 80; length < 110; length++) {
    const bytes = encodeHeader({ ...plain, target: "t".repeat(length + 100) });
    const text = bytes.toString("latin1", 512, 1024);
    const said = Number(/^\d+/.exec(text)?.[0]);
    expect(text[said - 1]).toBe("\n");
    expect(text[said]).toBe("\0");
  }
});
