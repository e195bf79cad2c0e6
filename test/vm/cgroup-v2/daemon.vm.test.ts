/** The engine on a host with cgroup v2 only: limits, counters, and what happens when memory runs out. */
// deadline: 240 s
import { afterAll, beforeAll, expect } from "bun:test";
import { busyboxArchive } from "../../clients/_image.ts";
import { needing } from "../../needs.ts";
import { bootVm, type VirtualMachine } from "../machine.ts";
import { runtimeNeeds } from "../place.ts";
import { apiIn, daemonFiles, loadDrivers, startDaemon, type GuestApi } from "./_daemon.ts";

const { describe, test } = needing({ ...runtimeNeeds, programs: [...(runtimeNeeds.programs ?? []), "nft"] });

const MiB = 2 ** 20;
const Image = "busybox:test";
/** A process that waits, and ends when it is told to. */
const waiting = ["sh", "-c", "trap 'exit 0' TERM; echo up; while :; do sleep 0.05; done"];
/** A child takes more than there is; its parent lives on. */
const greedy = `tail -c 100000000 /dev/zero; echo child $?; ${waiting[2]}`;

interface State {
  readonly Status: string;
  readonly Running: boolean;
  readonly Paused: boolean;
  readonly OOMKilled: boolean;
  readonly ExitCode: number;
  readonly Pid: number;
}

describe("the engine on cgroup v2", () => {
  let vm: VirtualMachine;
  let api: GuestApi;
  let limited = "";

  beforeAll(async () => {
    vm = await bootVm({ files: daemonFiles(), memoryMiB: 1024 });
    await loadDrivers(vm);
    await startDaemon(vm);
    api = await apiIn(vm);
    await vm.write("/busybox.tar", await busyboxArchive(Image));
    await api.request("POST", "/images/load?quiet=1", "@/busybox.tar");
  }, 120_000);
  afterAll(() => vm?.[Symbol.asyncDispose]());

  const stateOf = async (id: string) => (await api.get<{ State: State }>(`/containers/${id}/json`)).State;
  const cgroupOf = async (id: string): Promise<string> => {
    const text = await vm.read(`/proc/${(await stateOf(id)).Pid}/cgroup`);
    return `/sys/fs/cgroup${text.trim().replace(/^0::/, "")}`;
  };
  const filesOf = async (id: string, ...names: readonly string[]): Promise<string[]> => {
    const folder = await cgroupOf(id);
    return Promise.all(names.map(async (name) => (await vm.read(`${folder}/${name}`)).trim()));
  };
  const oomEvents = async (id: string): Promise<string[]> => {
    const filters = encodeURIComponent(JSON.stringify({ container: [id], event: ["oom", "die"] }));
    const until = Number((await vm.run(["date", "+%s"])).stdout) + 1;
    const bytes = await api.request("GET", `/events?since=0&until=${until}&filters=${filters}`);
    return Buffer.from(bytes)
      .toString()
      .split("\n")
      .filter(Boolean)
      .map((line) => (JSON.parse(line) as { Action: string }).Action);
  };

  test("tells that it is v2", async () => {
    expect(await api.get("/info")).toMatchObject({ CgroupVersion: "2", OomKillDisable: false });
  });

  test("every limit is in the files of the container's cgroup", async () => {
    limited = await api.run("limited", {
      Image,
      Cmd: waiting,
      HostConfig: {
        NetworkMode: "none",
        Memory: 64 * MiB,
        MemorySwap: 96 * MiB,
        MemoryReservation: 32 * MiB,
        NanoCpus: 500_000_000,
        CpuShares: 512,
        CpusetCpus: "1",
        PidsLimit: 40,
        BlkioDeviceReadBps: [{ Path: "/dev/vda", Rate: MiB }],
        BlkioDeviceWriteIOps: [{ Path: "/dev/vda", Rate: 100 }],
      },
    });
    const files = ["memory.max", "memory.swap.max", "memory.low", "cpu.max", "cpu.weight", "cpuset.cpus"];
    expect(await filesOf(limited, ...files, "pids.max", "io.max")).toEqual([
      `${64 * MiB}`,
      `${32 * MiB}`,
      `${32 * MiB}`,
      "50000 100000",
      "20",
      "1",
      "40",
      `254:0 rbps=${MiB} wbps=max riops=max wiops=100`,
    ]);
  });

  test("the container sees its own cgroup as the top, and may not write there", async () => {
    expect(await api.exec(limited, ["cat", "/proc/self/cgroup", "/sys/fs/cgroup/memory.max"])).toBe(
      `0::/\n${64 * MiB}\n`,
    );
    expect(await api.exec(limited, ["mkdir", "/sys/fs/cgroup/below"])).toContain("Read-only file system");
  });

  test("stats has the figures of the kernel's files", async () => {
    const stats = await api.get<Record<string, never>>(`/containers/${limited}/stats?stream=0&one-shot=1`);
    expect(stats).toMatchObject({
      memory_stats: {
        limit: 64 * MiB,
        stats: { anon: expect.any(Number), inactive_file: expect.any(Number) },
      },
      pids_stats: { limit: 40 },
      cpu_stats: { online_cpus: 2 },
    });
    const {
      memory_stats: { usage },
      cpu_stats: { cpu_usage, throttling_data },
      pids_stats: { current },
    } = stats as unknown as {
      memory_stats: { usage: number };
      cpu_stats: { cpu_usage: { total_usage: number }; throttling_data: { periods: number } };
      pids_stats: { current: number };
    };
    expect(usage).toBeGreaterThan(0);
    expect(usage).toBeLessThan(64 * MiB);
    expect(cpu_usage.total_usage).toBeGreaterThan(1_000_000);
    expect(throttling_data.periods).toBeGreaterThan(0);
    expect(current).toBeGreaterThan(0);
  });

  test("pause freezes the cgroup, and unpause lets it go on", async () => {
    await api.post(`/containers/${limited}/pause`);
    expect((await stateOf(limited)).Status).toBe("paused");
    expect(await filesOf(limited, "cgroup.freeze")).toEqual(["1"]);
    await api.post(`/containers/${limited}/unpause`);
    expect((await stateOf(limited)).Status).toBe("running");
    expect(await filesOf(limited, "cgroup.freeze")).toEqual(["0"]);
  });

  test("update changes what it names, and the rest stays", async () => {
    await api.post(`/containers/${limited}/update`, {
      Memory: 128 * MiB,
      MemorySwap: 160 * MiB,
      PidsLimit: 50,
      CpuQuota: 0,
      NanoCpus: 1_000_000_000,
    });
    const files = ["memory.max", "memory.swap.max", "pids.max", "cpu.max", "cpu.weight", "cpuset.cpus"];
    expect(await filesOf(limited, ...files)).toEqual([
      `${128 * MiB}`,
      `${32 * MiB}`,
      "50",
      "100000 100000",
      "20",
      "1",
    ]);
  });

  test("one that takes more memory than it has is killed, and that is written down and told", async () => {
    const HostConfig = { NetworkMode: "none", Memory: 16 * MiB, MemorySwap: 16 * MiB };
    const Cmd = ["sh", "-c", "exec tail -c 100000000 /dev/zero"];
    const id = await api.run("greedy", { Image, Cmd, HostConfig });
    expect(await api.post(`/containers/${id}/wait`)).toMatchObject({ StatusCode: 137 });
    expect(await stateOf(id)).toMatchObject({ Status: "exited", ExitCode: 137, OOMKilled: true });
    expect(await oomEvents(id)).toEqual(["oom", "die"]);
    await api.delete(`/containers/${id}`);
  });

  test("that a child of one was killed is told while the container runs on", async () => {
    const HostConfig = { NetworkMode: "none", Memory: 16 * MiB, MemorySwap: 16 * MiB };
    const id = await api.run("parent", { Image, Cmd: ["sh", "-c", greedy], HostConfig });
    while ((await oomEvents(id)).length === 0);
    expect(await stateOf(id)).toMatchObject({ Status: "running", OOMKilled: true });
    await api.post(`/containers/${id}/stop?t=10`);
    expect(await oomEvents(id)).toEqual(["oom", "die"]);
    expect(await stateOf(id)).toMatchObject({ Status: "exited", ExitCode: 0, OOMKilled: true });
    await api.delete(`/containers/${id}`);
  });

  test("a daemon that is killed and started again finds what runs, its limits, its logs, and its ends", async () => {
    const HostConfig = { NetworkMode: "none", Memory: 16 * MiB, MemorySwap: 16 * MiB };
    const Cmd = ["sh", "-c", "until [ -e /go ]; do sleep 0.05; done; exec tail -c 100000000 /dev/zero"];
    const late = await api.run("late", { Image, Cmd, HostConfig });
    const [before, doomed] = [await stateOf(limited), await stateOf(late)];
    const { pid } = JSON.parse(await vm.read("/var/lib/sampan/daemon.json")) as { pid: number };
    await vm.shell(`kill -9 ${pid}; while kill -0 ${pid} 2>/dev/null; do usleep 1000; done`);
    await vm.shell(
      `touch /proc/${doomed.Pid}/root/go; while kill -0 ${doomed.Pid} 2>/dev/null; do usleep 1000; done`,
    );
    await startDaemon(vm);
    expect(await stateOf(limited)).toEqual(before);
    expect(await api.exec(limited, ["echo", "again"])).toBe("again\n");
    expect(await api.logs(limited)).toBe("up\n");
    expect(await api.get(`/containers/${limited}/stats?stream=0&one-shot=1`)).toMatchObject({
      memory_stats: { limit: 128 * MiB },
    });
    expect(await stateOf(late)).toMatchObject({ Status: "exited", ExitCode: 137, OOMKilled: true });
    await api.delete(`/containers/${late}`);
  });

  test("a published port leads to a container of a bridge, which has names and counters", async () => {
    await api.post("/networks/create", { Name: "front" });
    const web = await api.run("web", {
      Image,
      Cmd: ["sh", "-c", "echo hello >/tmp/index.html; exec httpd -f -p 80 -h /tmp"],
      ExposedPorts: { "80/tcp": {} },
      HostConfig: { NetworkMode: "front", PortBindings: { "80/tcp": [{ HostPort: "8080" }] } },
    });
    const asked = "until wget -qO- http://127.0.0.1:8080/index.html; do usleep 20000; done";
    expect((await vm.shell(asked)).stdout).toBe("hello\n");
    const other = await api.run("other", { Image, Cmd: waiting, HostConfig: { NetworkMode: "front" } });
    expect(await api.exec(other, ["wget", "-qO-", "http://web/index.html"])).toBe("hello\n");
    const { networks } = await api.get<{ networks: Record<string, { rx_bytes: number }> }>(
      `/containers/${web}/stats?stream=0&one-shot=1`,
    );
    expect(networks["eth0"]?.rx_bytes).toBeGreaterThan(0);
    for (const id of [web, other]) await api.delete(`/containers/${id}?force=1`);
    await api.delete("/networks/front");
  });

  test("in the end nothing is left", async () => {
    await api.post(`/containers/${limited}/stop?t=10`);
    expect(await stateOf(limited)).toMatchObject({ Status: "exited", ExitCode: 0, OOMKilled: false });
    const folder = `find /sys/fs/cgroup -mindepth 1 -type d -name 'sampan*'`;
    await api.delete(`/containers/${limited}`);
    expect(await api.get("/sampan/system/audit")).toEqual([]);
    expect((await vm.shell(folder)).stdout).toBe("");
  });
});
