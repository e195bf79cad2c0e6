/** spec, features, version, help, and the two verbs that are still to come. */
import { expect } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import type { OciConfig } from "../../src/spec/oci/config.ts";
import { needing } from "../needs.ts";
import { Box, logged, needs } from "./_container.ts";

const { test } = needing(needs);
const beside = needing({ ...needs, programs: [...needs.programs, "runc"] });

function written(box: Box, ...flags: string[]): OciConfig {
  const bundle = box.path("new");
  mkdirSync(bundle);
  box.ok(["spec", "--bundle", bundle, ...flags]);
  return JSON.parse(readFileSync(`${bundle}/config.json`, "utf8")) as OciConfig;
}

test("spec writes a configuration that runs when it has a root", () => {
  using box = new Box();
  const config = written(box);
  expect(config.process.args).toEqual(["sh"]);
  config.process.terminal = false;
  config.process.args = ["echo", "hello"];
  writeFileSync(`${box.bundle}/config.json`, JSON.stringify(config));
  expect(box.foreground()).toMatchObject({ status: 0, stdout: "hello\n" });
});

test("spec --rootless has a user namespace and no limits", () => {
  using box = new Box();
  const { linux } = written(box, "--rootless");
  expect(linux?.namespaces).toContainEqual({ type: "user" });
  expect(linux?.resources).toBeUndefined();
});

test("spec overwrites nothing", () => {
  using box = new Box();
  const before = readFileSync(`${box.bundle}/config.json`, "utf8");
  const { status, stderr } = box.run(["spec"]);
  expect(status).toBe(1);
  expect(logged(stderr)).toContain("File config.json exists. Remove it first");
  expect(readFileSync(`${box.bundle}/config.json`, "utf8")).toBe(before);
});

beside.test("features has every property that runc's has", () => {
  using box = new Box();
  const ours = JSON.parse(box.ok(["features"])) as Record<string, unknown>;
  const theirs = JSON.parse(Bun.spawnSync(["runc", "features"]).stdout.toString()) as Record<string, unknown>;
  expect(keysOf(ours)).toEqual(expect.arrayContaining(keysOf(theirs)));
  const { mountOptions = [] } = ours as { mountOptions?: string[] };
  expect(mountOptions).toEqual(expect.arrayContaining((theirs as { mountOptions: string[] }).mountOptions));
});

/** Paths of the properties that are no lists, without the annotations. */
function keysOf(value: unknown, at = ""): string[] {
  if (typeof value !== "object" || value === null || Array.isArray(value) || at === ".annotations")
    return [at];
  return Object.entries(value).flatMap(([key, inner]) => keysOf(inner, `${at}.${key}`));
}

test("version and help are said on standard output, with status 0", () => {
  using box = new Box();
  expect(box.ok(["--version"])).toMatch(
    /^sampan-runtime version \d+\.\d+\.\d+\ncommit: \S+\nspec: 1\.3\.0\n/,
  );
  expect(box.ok(["--help"])).toContain("explain");
  expect(box.ok(["help", "run"])).toContain("--detach");
  expect(box.ok(["run", "--help"])).toBe(box.ok(["help", "run"]));
  expect(box.ok(["ps", "--help"])).toBe(box.ok(["help", "ps"]));
  expect(box.run(["help", "fly"])).toMatchObject({ status: 1, stdout: "" });
});

test.each(["checkpoint", "restore"])("%s says that it is not there yet, whatever its flags", (verb) => {
  using box = new Box();
  const { status, stderr } = box.run([verb, "--image-path", "/images", "--tcp-established", box.id]);
  expect(status).toBe(1);
  expect(logged(stderr)).toContain(`cannot ${verb} container "${box.id}": ${verb} is not there yet`);
});
