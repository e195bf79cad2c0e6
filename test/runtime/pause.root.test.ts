/** pause and resume. */
import { expect } from "bun:test";
import { readFileSync } from "node:fs";
import { needing } from "../needs.ts";
import { Box, isRunning, logged, needs, until } from "./_container.ts";

const { test } = needing(needs);

/** A container that counts, so that it can be seen whether it runs. */
function counting(): Box {
  return new Box({ script: "i=0; while true; do i=$((i+1)); echo $i > /tmp/count; done" });
}

function count(box: Box): string {
  try {
    return readFileSync(`${box.rootfs}/tmp/count`, "utf8");
  } catch {
    return "";
  }
}

test("a paused container stands still until it is resumed", async () => {
  using box = counting();
  box.create();
  box.ok(["start", box.id]);
  await until(() => count(box) !== "");
  box.ok(["pause", box.id]);
  expect(box.state().status).toBe("paused");
  const still = count(box);
  // Whoever runs would have counted on by the time that two commands have run.
  box.ok(["list"]);
  box.ok(["list"]);
  expect(count(box)).toBe(still);
  box.ok(["resume", box.id]);
  expect(box.state().status).toBe("running");
  await until(() => count(box) !== still && count(box) !== "");
});

test("what is paused cannot be paused, and what runs cannot be resumed", () => {
  using box = new Box({ args: ["sleep", "1000"] });
  box.create();
  box.ok(["start", box.id]);
  const running = box.run(["resume", box.id]);
  expect(running.status).toBe(1);
  expect(logged(running.stderr)).toContain("it is running, wanted paused: container not paused");
  box.ok(["pause", box.id]);
  const paused = box.run(["pause", box.id]);
  expect(paused.status).toBe(1);
  expect(logged(paused.stderr)).toContain(
    "it is paused, wanted created or running: container not running or created",
  );
});

test("a created container can be paused and resumed, as with runc", () => {
  using box = new Box({ args: ["sleep", "1000"] });
  box.create();
  box.ok(["pause", box.id]);
  box.ok(["resume", box.id]);
  expect(box.state().status).toBe("created");
});

test("a stopped container can be neither paused nor resumed", async () => {
  using box = new Box({ args: ["sleep", "1000"] });
  box.create();
  box.ok(["start", box.id]);
  const { pid } = box.state();
  box.ok(["kill", box.id, "KILL"]);
  await until(() => !isRunning(pid));
  expect(logged(box.run(["pause", box.id]).stderr)).toContain("stopped");
  expect(logged(box.run(["resume", box.id]).stderr)).toContain(
    "it is stopped, wanted paused: container not paused",
  );
});

test("a paused container is deleted by force", () => {
  using box = new Box({ args: ["sleep", "1000"] });
  box.create();
  box.ok(["start", box.id]);
  box.ok(["pause", box.id]);
  box.ok(["delete", "--force", box.id]);
  expect(box.ok(["list", "-q"])).toBe("");
  expect(box.cgroups()).toEqual([]);
});
