/** list and ps. */
import { expect } from "bun:test";
import { mkdirSync } from "node:fs";
import { needing } from "../needs.ts";
import { Box, isRunning, logged, needs, until } from "./_container.ts";

const { test } = needing({ ...needs, programs: [...needs.programs, "ps"] });

test("containers are listed with their status, as runc's JSON has it", async () => {
  using box = new Box({ args: ["sleep", "1000"] });
  expect(box.create().status).toBe(0);
  const [created] = JSON.parse(box.ok(["list", "--format", "json"])) as Record<string, unknown>[];
  expect(Object.keys(created ?? {})).toEqual([
    "ociVersion",
    "id",
    "pid",
    "status",
    "bundle",
    "rootfs",
    "created",
    "owner",
  ]);
  expect(created).toMatchObject({ ...box.state(), status: "created", owner: "root" });
  box.ok(["start", box.id]);
  const { pid } = box.state();
  expect(box.ok(["list"])).toMatch(
    new RegExp(`^${box.id} +${pid} +running +${box.bundle} +\\S+ +root\n$`, "m"),
  );
  expect(box.ok(["list", "-q"])).toBe(`${box.id}\n`);
  box.ok(["kill", box.id, "KILL"]);
  await until(() => !isRunning(pid));
  expect(box.ok(["list", "-f", "json"])).toContain('"pid":0,"status":"stopped"');
});

test("a root that is not there has no containers", () => {
  using box = new Box();
  expect(box.ok(["list"])).toBe("ID          PID         STATUS      BUNDLE      CREATED     OWNER\n");
  expect(box.ok(["list", "--format", "json"])).toBe("null\n");
  expect(box.ok(["list", "--quiet"])).toBe("");
});

test("a folder without a state is passed over with a warning", () => {
  using box = new Box();
  mkdirSync(`${box.root}/interrupted`, { recursive: true });
  const { status, stdout, stderr } = box.run(["list", "-f", "json"]);
  expect({ status, stdout }).toEqual({ status: 0, stdout: "null\n" });
  expect(logged(stderr)).toContain("load container interrupted: ");
});

test("a format that is none is refused", () => {
  using box = new Box();
  expect(box.run(["list", "--format", "xml"]).stderr).toContain("invalid format option");
  expect(box.run(["ps", "--format", "xml", box.id]).stderr).toContain("invalid format option");
});

test("ps shows the container's processes and no others", () => {
  using box = new Box({ args: ["sleep", "1000"] });
  box.create();
  box.ok(["start", box.id]);
  const { pid } = box.state();
  expect(JSON.parse(box.ok(["ps", "--format", "json", box.id]))).toEqual([pid]);
  const table = box.ok(["ps", box.id]).trimEnd().split("\n");
  expect(table).toHaveLength(2);
  expect(table[0]).toMatch(/^UID +PID +PPID/);
  expect(table[1]).toMatch(new RegExp(`^root +${pid} .* sleep 1000$`));
  expect(box.ok(["ps", box.id, "-o", "user,pid,args"])).toMatch(
    new RegExp(`^USER +PID COMMAND\nroot +${pid} sleep 1000\n$`),
  );
});

test("ps refuses options that leave the process ids out, and says what ps says of wrong ones", () => {
  using box = new Box({ args: ["sleep", "1000"] });
  box.create();
  expect(box.run(["ps", box.id, "-o", "args"]).stderr).toContain("couldn't find PID field in ps output");
  const { status, stderr } = box.run(["ps", box.id, "--nonsense"]);
  expect(status).toBe(1);
  expect(stderr).toContain("unknown gnu long option");
});

test("ps of a container that is not there fails", () => {
  using box = new Box();
  expect(box.run(["ps", "nobody"])).toMatchObject({ status: 1, stdout: "" });
});
