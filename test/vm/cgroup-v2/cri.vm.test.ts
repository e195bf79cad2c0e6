/** The CRI on a host with cgroup v2 only: what limits a pod and its containers, and pods with ids of their own. */
// deadline: 240 s
import { afterAll, beforeAll, expect } from "bun:test";
import { join } from "node:path";
import { busyboxArchive } from "../../clients/_image.ts";
import { needing } from "../../needs.ts";
import { bootVm, type VirtualMachine } from "../machine.ts";
import { guestFolder, runtimeNeeds } from "../place.ts";
import { sampan } from "../runtime-files.ts";
import { daemonFiles, loadDrivers, startDaemon } from "./_daemon.ts";

const { describe, test } = needing({ ...runtimeNeeds, programs: [...(runtimeNeeds.programs ?? []), "nft"] });

const MiB = 2 ** 20;
const image = { image: "docker.io/library/busybox:test" };
const client = "/usr/lib/cri.js";

/** The client with all that it is made of. */
async function bundled(): Promise<string> {
  const { outputs } = await Bun.build({ entrypoints: [join(guestFolder, "cri.ts")], target: "bun" });
  return (await outputs[0]?.text()) ?? "";
}

type Call = <Answer>(name: string, request: object) => Promise<Answer>;

async function callsIn(vm: VirtualMachine): Promise<Call> {
  await vm.run(["mkfifo", "/run/calls"]);
  const relay = vm.start([sampan, client], { environment: { BUN_BE_BUN: "1" } });
  await relay.printed(/^ready$/m, 60);
  let last = 0;
  return async <Answer>(name: string, request: object) => {
    const number = ++last;
    await vm.shell("cat >/run/calls", { input: `${JSON.stringify([number, name, request])}\n` });
    const [, word, encoded = ""] = await relay.printed(new RegExp(`^${number} (ok|failed) (.*)\n`, "m"), 60);
    const said = Buffer.from(encoded, "base64").toString();
    if (word === "ok") return JSON.parse(said) as Answer;
    throw new Error(`${name}: ${said}`);
  };
}

describe("the CRI on cgroup v2", () => {
  let vm: VirtualMachine;
  let call: Call;
  let pods = 0;

  beforeAll(async () => {
    const files = [...daemonFiles(), { path: client, text: await bundled(), mode: 0o644 }];
    vm = await bootVm({ files, memoryMiB: 1024 });
    await loadDrivers(vm);
    await vm.write("/busybox.tar", await busyboxArchive(image.image));
    await startDaemon(vm, ["--cri", "/run/sampan/cri.sock"]);
    const loaded = await vm.run([sampan, "load", "--input", "/busybox.tar"], { seconds: 60 });
    expect(loaded.stderr).toBe("");
    call = await callsIn(vm);
  }, 120_000);
  afterAll(() => vm?.[Symbol.asyncDispose]());

  const podConfig = (linux: object, namespaces: object = {}) => {
    const name = `pod${++pods}`;
    const security_context = { namespace_options: { pid: "CONTAINER", ...namespaces } };
    const metadata = { name, uid: name, namespace: "default", attempt: 0 };
    return { metadata, hostname: name, linux: { security_context, ...linux } };
  };
  const run = async (config: object): Promise<string> => {
    const answer = await call<{ pod_sandbox_id: string }>("runPodSandbox", { config });
    return answer.pod_sandbox_id;
  };
  const create = async (pod_sandbox_id: string, linux: object, more: object = {}): Promise<string> => {
    const command = ["sleep", "1000"];
    const config = { metadata: { name: "main", attempt: 0 }, image, command, linux, ...more };
    const request = { pod_sandbox_id, config };
    return (await call<{ container_id: string }>("createContainer", request)).container_id;
  };
  const exec = async (container_id: string, script: string): Promise<string> => {
    const request = { container_id, cmd: ["sh", "-c", script], timeout: "20" };
    const { stdout = "" } = await call<{ stdout?: string }>("execSync", request);
    return Buffer.from(stdout, "base64").toString();
  };
  const files = (...names: string[]) => names.map((name) => `cat /sys/fs/cgroup/${name}`).join("; ");
  const lines = (text: string) => text.trim().split("\n");

  test("limits of a container, huge pages and files by name are in its cgroup, and change with it", async () => {
    const pod = await run(podConfig({}));
    const containerId = await create(pod, {
      resources: {
        memory_limit_in_bytes: `${64 * MiB}`,
        cpu_quota: "50000",
        cpu_period: "100000",
        hugepage_limits: [{ page_size: "2MB", limit: `${4 * MiB}` }],
        unified: { "memory.high": `${48 * MiB}`, "pids.max": "77" },
      },
    });
    await call("startContainer", { container_id: containerId });
    const names = ["memory.max", "memory.swap.max", "cpu.max", "hugetlb.2MB.max", "memory.high", "pids.max"];
    expect(lines(await exec(containerId, files(...names)))).toEqual([
      `${64 * MiB}`,
      "0",
      "50000 100000",
      `${4 * MiB}`,
      `${48 * MiB}`,
      "77",
    ]);
    await call("updateContainerResources", {
      container_id: containerId,
      linux: {
        memory_limit_in_bytes: `${96 * MiB}`,
        memory_swap_limit_in_bytes: `${128 * MiB}`,
        hugepage_limits: [{ page_size: "2MB", limit: "0" }],
        unified: { "memory.high": `${80 * MiB}` },
      },
    });
    expect(lines(await exec(containerId, files(...names)))).toEqual([
      `${96 * MiB}`,
      `${32 * MiB}`,
      "50000 100000",
      "0",
      `${80 * MiB}`,
      "77",
    ]);
    const wrong = (unified: object) =>
      call("updateContainerResources", { container_id: containerId, linux: { unified } }).then(
        () => "",
        String,
      );
    expect(await wrong({ "cgroup.procs": "1" })).toContain("wanted a file of cpu");
    expect(await wrong({ "../memory.max": "1" })).toContain("wanted the name of a file");
    await call("removePodSandbox", { pod_sandbox_id: pod });
  }, 120_000);

  test("a cgroup that somebody has made for a pod keeps its limits, and stays", async () => {
    const folder = "/sys/fs/cgroup/kubepods/podx";
    await vm.shell(
      `cd /sys/fs/cgroup && echo +memory +pids > cgroup.subtree_control; mkdir -p ${folder} && echo +memory +pids > kubepods/cgroup.subtree_control && echo 99 > ${folder}/pids.max`,
    );
    const pod = await run(
      podConfig({ cgroup_parent: "/kubepods/podx", resources: { memory_limit_in_bytes: "1000000" } }),
    );
    const containerId = await create(pod, {});
    await call("startContainer", { container_id: containerId });
    const { stdout } = await vm.shell(
      `cat ${folder}/pids.max ${folder}/memory.max; ls -d ${folder}/sampan-*`,
    );
    expect(lines(stdout)).toEqual(["99", "max", `${folder}/sampan-${containerId}`]);
    await call("removePodSandbox", { pod_sandbox_id: pod });
    expect((await vm.shell(`cat ${folder}/pids.max; ls -d ${folder}/*/`)).stdout).toBe("99\n");
  }, 120_000);

  test("a pod with ids of its own is in its cgroup, and sees its own tree", async () => {
    const ids = [{ host_id: 200_000, container_id: 0, length: 65_536 }];
    const config = podConfig({}, { userns_options: { mode: "POD", uids: ids, gids: ids } });
    const pod = await run(config);
    const containerId = await create(pod, { resources: { memory_limit_in_bytes: `${64 * MiB}` } });
    await call("startContainer", { container_id: containerId });
    const said = await exec(
      containerId,
      `id -u; cat /proc/self/cgroup; ${files("memory.max")}; (echo 1 > /sys/fs/cgroup/memory.max) 2>/dev/null || echo kept`,
    );
    expect(lines(said)).toEqual(["0", "0::/", `${64 * MiB}`, "kept"]);
    await call("removePodSandbox", { pod_sandbox_id: pod });
  }, 120_000);

  // Kernels before 6.15 copy no mount that is nowhere yet, as the copies of the null device are.
  test("what is hidden is hidden on an older kernel too, where a folder lies over /dev", async () => {
    await vm.shell("mkdir -p /root/devices && echo forged > /root/devices/null");
    const pod = await run(podConfig({}));
    const masked_paths = ["/proc/interrupts", "/proc/timer_list", "/sys/firmware"];
    const mounts = [{ container_path: "/dev", host_path: "/root/devices" }];
    const containerId = await create(pod, { security_context: { masked_paths } }, { mounts });
    await call("startContainer", { container_id: containerId });
    const script = "cat /proc/interrupts /proc/timer_list; ls /sys/firmware; cat /dev/null";
    expect(await exec(containerId, script)).toBe("forged\n");
    await call("removePodSandbox", { pod_sandbox_id: pod });
  }, 120_000);
});
