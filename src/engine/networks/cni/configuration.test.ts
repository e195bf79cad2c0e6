import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { configurationFiles, parseConfiguration, readConfiguration } from "./_configuration.ts";

const folder = mkdtempSync(join(tmpdir(), "sampan-cni-"));
afterAll(() => rmSync(folder, { recursive: true }));

let count = 0;
/** A folder with these files in it. */
function net(files: Readonly<Record<string, unknown>>): string {
  const path = join(folder, String(count++));
  for (const [name, content] of Object.entries(files)) {
    const file = join(path, name);
    mkdirSync(join(file, ".."), { recursive: true });
    writeFileSync(file, typeof content === "string" ? content : JSON.stringify(content));
  }
  return path;
}

const list = (more: object = {}) => ({
  cniVersion: "1.0.0",
  name: "a",
  plugins: [{ type: "bridge" }],
  ...more,
});

describe("the network of pods", () => {
  test("is the first file by name, whatever kind it is of", () => {
    const path = net({
      "20-a.conflist": list(),
      "10-b.conf": { cniVersion: "0.4.0", name: "b", type: "ptp", mtu: 1400 },
      "05-c.txt": "not one",
      "00-d.conflist/x": "",
    });
    expect(configurationFiles(path)).toEqual([join(path, "10-b.conf"), join(path, "20-a.conflist")]);
    expect(readConfiguration(path)).toMatchObject({
      name: "b",
      version: "0.4.0",
      plugins: [{ type: "ptp", config: { mtu: 1400 } }],
    });
  });

  test("is none where there is no file and no folder", () => {
    expect(configurationFiles(join(folder, "nowhere"))).toEqual([]);
    expect(() => readConfiguration(join(folder, "nowhere"))).toThrow("there is no network configuration in");
  });

  test("is not the second one when the first is broken", () => {
    const path = net({ "10.conflist": "{", "20.conflist": list() });
    expect(() => readConfiguration(path)).toThrow(`"${path}/10.conflist": it is no JSON`);
  });

  test("has the plug-ins that stand in files of their own, after its own, unless it says not to", () => {
    const files = { "a/2.conf": { type: "tuning" }, "a/1.conf": { type: "portmap" }, "a/3.json": "{" };
    const types = (network: object) =>
      readConfiguration(net({ "1.conflist": network, ...files })).plugins.map(({ type }) => type);
    expect(types(list())).toEqual(["bridge", "portmap", "tuning"]);
    expect(types({ cniVersion: "1.1.0", name: "a" })).toEqual(["portmap", "tuning"]);
    expect(types(list({ loadOnlyInlinedPlugins: true }))).toEqual(["bridge"]);
  });

  test("is spoken to in the newest version that it and we know", () => {
    const versionOf = (more: object) => parseConfiguration(list(more), "x").version;
    expect(versionOf({ cniVersions: ["0.3.1", "1.1.0", "9.0.0"] })).toBe("1.1.0");
    expect(versionOf({ cniVersion: "2.0.0", cniVersions: ["0.4.0"] })).toBe("0.4.0");
    expect(versionOf({ cniVersion: "0.3.0" })).toBe("0.3.0");
  });
});

test.each([
  ["no object", [], "wanted an object"],
  ["no name", list({ name: undefined }), "no name of a network"],
  ["a path as its name", list({ name: "../a" }), '"../a" is no name of a network'],
  ["no plug-ins", list({ plugins: [] }), "it names no plug-in"],
  [
    "only inline plug-ins, and none",
    list({ plugins: undefined, loadOnlyInlinedPlugins: true }),
    "it names no plug-in",
  ],
  ["plug-ins that are no list", list({ plugins: {} }), "plugins is no list"],
  ["very many plug-ins", list({ plugins: Array(65).fill({ type: "a" }) }), "more than 64"],
  [
    "a plug-in that is a path",
    list({ plugins: [{ type: "../../evil" }] }),
    '"../../evil" is no type of a plug-in',
  ],
  ["a plug-in that is a folder", list({ plugins: [{ type: ".." }] }), '".." is no type of a plug-in'],
  ["a plug-in without a type", list({ plugins: [{}] }), "nothing is no type of a plug-in"],
  [
    "a path for addresses",
    list({ plugins: [{ type: "a", ipam: { type: "/bin/sh" } }] }),
    '"/bin/sh" is no type',
  ],
  ["no version", list({ cniVersion: undefined }), "its cniVersion is none, wanted one of 0.3.0"],
  ["an old version", list({ cniVersion: "0.2.0" }), 'its cniVersion is "0.2.0"'],
  ["a flag that is none", list({ disableGC: "maybe" }), "disableGC is neither true nor false"],
])("a configuration with %s is refused", (_, value, words) => {
  expect(() => readConfiguration(net({ "1.conflist": value }))).toThrow(words);
});
