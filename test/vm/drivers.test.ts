import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { dependencies, driversFor } from "./drivers.ts";

const folder = mkdtempSync(join(tmpdir(), "drivers-"));
afterAll(() => rmSync(folder, { recursive: true }));

function addModule(path: string, needed: string): void {
  mkdirSync(join(folder, path, ".."), { recursive: true });
  writeFileSync(join(folder, path), `\x7fELF\xff\0license=GPL\0depends=${needed}\0name=x\0`, "latin1");
}

addModule("kernel/block/disk.ko", "bus,ring");
addModule("kernel/bus.ko", "ring");
addModule("kernel/deep/er/ring.ko", "");
addModule("kernel/dashed-name.ko", "ring");

describe("drivers", () => {
  test("come after what they depend on, each once", () => {
    expect(driversFor(["disk", "bus"], folder).map((driver) => driver.name)).toEqual(["ring", "bus", "disk"]);
  });

  test("are found by the module's name when the file's name has a dash", () => {
    expect(driversFor(["dashed_name"], folder).map((driver) => driver.name)).toEqual(["ring", "dashed_name"]);
  });

  test("that are not there are named", () => {
    expect(() => driversFor(["absent"], folder)).toThrow('cannot find driver "absent"');
  });

  test("without a modinfo depend on nothing", () => {
    expect(dependencies(new TextEncoder().encode("\x7fELF"))).toEqual([]);
  });
});
