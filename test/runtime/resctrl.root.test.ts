/**
 * A container's groups in resctrl, after its creation. resctrl needs a processor that few machines have, so the state of the container is
 * changed to name folders of the test's own.
 */
import { expect } from "bun:test";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { needing } from "../needs.ts";
import { Box, needs } from "./_container.ts";

const { test } = needing(needs);

/** A running container that has a class of service and a monitoring group in it. */
function grouped(): { box: Box; group: string; monitor: string } {
  const box = new Box({ args: ["sleep", "1000"] });
  box.create();
  box.ok(["start", box.id]);
  const group = box.path("group");
  const monitor = `${group}/mon_groups/${box.id}`;
  mkdirSync(monitor, { recursive: true });
  const file = `${box.root}/${box.id}/state.json`;
  const state = JSON.parse(readFileSync(file, "utf8"));
  writeFileSync(file, JSON.stringify({ ...state, intel_rdt_path: group, intel_rdt_made: [monitor] }));
  return { box, group, monitor };
}

test("what exec starts is moved to the class and to the monitoring group", () => {
  const { box, group, monitor } = grouped();
  using _ = box;
  for (const dir of [group, monitor]) writeFileSync(`${dir}/tasks`, "");
  const pidFile = box.path("pid");
  box.ok(["exec", "--pid-file", pidFile, box.id, "true"]);
  const pid = readFileSync(pidFile, "utf8");
  expect([group, monitor].map((dir) => readFileSync(`${dir}/tasks`, "utf8"))).toEqual([pid, pid]);
});

test("exec goes on when the groups are gone", () => {
  const { box } = grouped();
  using _ = box;
  expect(box.ok(["exec", box.id, "echo", "here"])).toBe("here\n");
});

test("delete removes what was made for the container, and nothing else", () => {
  const { box, group, monitor } = grouped();
  using _ = box;
  box.ok(["delete", "--force", box.id]);
  expect([existsSync(monitor), existsSync(group)]).toEqual([false, true]);
});
