/** The search for leaks after a test run knows what a pod brings to a machine, and a pod that is gone has left none of it. */
import { expect } from "bun:test";
import { randomUUID } from "node:crypto";
import { difference, take, type Snapshot } from "../../tools/leaks.ts";
import { must } from "../networks/_place.ts";
import { needing } from "../needs.ts";
import { container, pod } from "../fleet/edged-pods/pods.ts";
import { volumesFixture } from "../fleet/edged-pods/sources.ts";
import { until } from "../fleet/until.ts";
import { needs, World } from "./_world.ts";

const { test } = needing({ ...needs, programs: [...needs.programs, "nft"] });

/** What has come since and has one of these marks: others may be at work on this machine. */
function traces(before: Snapshot, marks: readonly string[]): string[] {
  return difference(before, take(), process.pid).filter((line) => marks.some((mark) => line.includes(mark)));
}

test("a pod is seen by its namespaces, shared memory, cgroups and processes, and nothing of it stays", async () => {
  await using world = await World.open();
  const uid = randomUUID();
  const before = take();
  const sandbox = await world.pod({ uid, sharePid: true, cgroupParent: `/sampan/besteffort/pod${uid}` });
  await world.start(sandbox.id, [`while :; do sleep 1; done; echo ${uid}`]);
  const marks = [world.folder, uid, sandbox.id];
  const seen = traces(before, marks);
  const places = ["ipc", "uts", "pid", "shm"].map((name) => `${world.folder}/run/pods/${sandbox.id}/${name}`);
  for (const place of [...places, `${world.folder}/run/netns/`])
    expect(seen.filter((line) => line.startsWith(`mount ${place}`))).not.toBeEmpty();
  for (const kind of ["cgroup", "process"])
    expect(seen.filter((line) => line.startsWith(`${kind} `) && line.includes(uid))).not.toBeEmpty();
  await world.engine.pods.remove(sandbox.id);
  await until(
    () => traces(before, [uid, sandbox.id]).length === 0,
    () => traces(before, [uid, sandbox.id]).join("; "),
  );
});

test("a volume in memory is seen, and goes with its pod", async () => {
  using fixture = volumesFixture();
  const before = take();
  const volumeMounts = [{ name: "small", mountPath: "/small" }];
  const volumes = [{ name: "small", emptyDir: { medium: "Memory", sizeLimit: "1Mi" } }];
  const wanted = pod({ volumes, containers: [container({ volumeMounts })] });
  await fixture.volumes.mount(wanted, new AbortController().signal);
  expect(traces(before, [fixture.root])).toEqual([expect.stringContaining("small (tmpfs")]);
  await fixture.volumes.unmount(wanted.metadata.uid ?? "");
  expect(traces(before, [fixture.root])).toEqual([]);
});

test("an address and a table of nftables are seen in the namespace that the search is run in", async () => {
  await using _world = await World.open();
  const before = take();
  must(["ip", "addr", "add", "192.0.2.77/32", "dev", "lo"]);
  must(["nft", "add", "table", "inet", "sampan-trace"]);
  const marks = ["192.0.2.77", "sampan-trace"];
  expect(traces(before, marks)).toEqual(["address 192.0.2.77/32 on lo", "table inet sampan-trace"]);
  must(["nft", "delete", "table", "inet", "sampan-trace"]);
  must(["ip", "addr", "del", "192.0.2.77/32", "dev", "lo"]);
  expect(traces(before, marks)).toEqual([]);
});
