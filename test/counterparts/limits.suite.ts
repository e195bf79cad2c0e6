/** Limits of resources, as they stand in the container's cgroup and as the container meets them. */
import { until } from "./_await.ts";
import { describe, expect, test } from "bun:test";
import { Box, placeOf, printedBy, runOnce, started, type Engine } from "./engine.ts";
import { output } from "./_ran.ts";

/** A cgroup file as the container sees it: cgroup v2's, or v1's below its controller. */
const file = (v2: string, v1: string) => `cat /sys/fs/cgroup/${v2} 2>/dev/null || cat /sys/fs/cgroup/${v1}`;

const memoryFile = file("memory.max", "memory/memory.limit_in_bytes");
const mebibyte = 2 ** 20;

export function describeLimits(engine: () => Engine): void {
  describe("limits", () => {
    test("--memory, --pids-limit, --cpuset-cpus and --cpu-shares stand in the container's cgroup", async () => {
      const flags = ["--memory", "64m", "--pids-limit", "17", "--cpuset-cpus", "0"];
      const script = `${memoryFile}; ${file("pids.max", "pids/pids.max")}; ${file("cpuset.cpus", "cpuset/cpuset.cpus")}`;
      expect(await printedBy(engine(), flags, script)).toBe(`${64 * mebibyte}\n17\n0\n`);
    });

    test("a container that wants more memory than its limit is killed, and the engine is told why", async () => {
      await using box = new Box(engine());
      await box.start(["--memory", "16m", "--memory-swap", "16m"], "tail /dev/zero");
      expect(await box.wait()).toBe(137);
      expect(await engine().wasOutOfMemory(box.name)).toBe(true);
    });

    test("a container that wants more processes than its limit gets no more", async () => {
      const script = "i=0; while [ $i -lt 20 ]; do sleep 100 & i=$((i + 1)); done";
      const { stderr } = await runOnce(engine(), ["--pids-limit", "5"], ["sh", "-c", script]);
      expect(stderr).toContain("can't fork");
    });

    test("update changes a running container's limits", async () => {
      await using box = await started(engine(), ["--memory", "64m", "--memory-swap", "64m"]);
      await box.output("update", ["--memory", "32m", "--memory-swap", "48m", "--cpu-shares", "512"]);
      expect((await box.exec(memoryFile)).stdout).toBe(`${32 * mebibyte}\n`);
      expect((await box.exec(file("cpu.weight", "cpu/cpu.shares"))).stdout).toMatch(/^(20|512)\n$/);
    });

    test("stats counts processes and memory", async () => {
      await using box = await started(engine());
      const words = ["stats", "--no-stream", "--format", "{{json .}}", box.name];
      // The shell's own child comes a moment after the shell.
      await until("the container's two processes in stats", async () => {
        const said = await output(engine().command(...words), placeOf(engine()));
        return /"(PIDs|PIDS|pids)":\s*"?2/.test(said) ? said : undefined;
      });
    });
  });
}
