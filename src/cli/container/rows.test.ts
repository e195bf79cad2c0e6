import { expect, test } from "bun:test";
import { formatPorts } from "./_ports.ts";
import { cpuLimit, cpuPercent, memoryUsed, statsRow } from "./_stats-row.ts";

test("ports are drawn together where they are neighbours, IPv4 first", () => {
  const port = (PrivatePort: number, PublicPort?: number, IP?: string, Type = "tcp") => ({
    PrivatePort,
    Type,
    ...(PublicPort === undefined ? {} : { PublicPort }),
    ...(IP === undefined ? {} : { IP }),
  });
  expect(formatPorts([])).toBe("");
  expect(formatPorts([port(81, 8081, "0.0.0.0"), port(80, 8080, "0.0.0.0"), port(80, 8080, "::")])).toBe(
    "0.0.0.0:8080-8081->80-81/tcp, [::]:8080->80/tcp",
  );
  expect(formatPorts([port(443), port(80, 80, "127.0.0.1"), port(53, 53, "127.0.0.1", "udp")])).toBe(
    "443/tcp, 127.0.0.1:80->80/tcp, 127.0.0.1:53->53/udp",
  );
  expect(formatPorts([port(80, 9000, "0.0.0.0"), port(81, 8000, "0.0.0.0")])).toBe(
    "0.0.0.0:9000->80/tcp, 0.0.0.0:8000->81/tcp",
  );
});

const sample = {
  id: "ab".repeat(32),
  name: "/web",
  cpu_stats: { cpu_usage: { total_usage: 3e9 }, system_cpu_usage: 20e9, online_cpus: 2 },
  precpu_stats: { cpu_usage: { total_usage: 2e9 }, system_cpu_usage: 18e9 },
  memory_stats: { usage: 3 * 2 ** 20, limit: 2 ** 30, stats: { inactive_file: 2 ** 20 } },
  networks: { eth0: { rx_bytes: 1000, tx_bytes: 2500 }, eth1: { rx_bytes: 500, tx_bytes: 0 } },
  blkio_stats: {
    io_service_bytes_recursive: [
      { major: 8, minor: 0, op: "Read", value: 4000 },
      { major: 8, minor: 0, op: "write", value: 7 },
      { major: 8, minor: 0, op: "Total", value: 4007 },
    ],
  },
  pids_stats: { current: 5 },
};

test("statistics are counted as docker counts them", () => {
  expect(cpuPercent(sample)).toBe(100);
  expect(memoryUsed(sample)).toBe(2 * 2 ** 20);
  expect(statsRow("web", sample, { full: false, cpus: undefined })).toEqual({
    Container: "web",
    ID: "abababababab",
    Name: "web",
    CPUPerc: "100.00%",
    CPUHostPerc: "50.00%",
    CPULimit: "--",
    CPULimitPerc: "--",
    MemUsage: "2MiB / 1GiB",
    MemPerc: "0.20%",
    NetIO: "1.5kB / 2.5kB",
    BlockIO: "4kB / 7B",
    PIDs: "5",
  });
});

test("all of half a processor is all of a limit of a half", () => {
  const half = { ...sample, cpu_stats: { ...sample.cpu_stats, cpu_usage: { total_usage: 2.5e9 } } };
  expect(statsRow("web", half, { full: false, cpus: 0.5 })).toMatchObject({
    CPUPerc: "50.00%",
    CPUHostPerc: "25.00%",
    CPULimit: "0.5",
    CPULimitPerc: "100.00%",
  });
});

test("the limit of the processor is the least of those that were asked for", () => {
  expect(cpuLimit({ NanoCpus: 0, CpuQuota: 0, CpuPeriod: 0, CpusetCpus: "" })).toBeUndefined();
  expect(cpuLimit({ NanoCpus: 1.5e9 })).toBe(1.5);
  expect(cpuLimit({ NanoCpus: 0, CpuQuota: 50_000 })).toBe(0.5);
  expect(cpuLimit({ NanoCpus: 0, CpuQuota: 50_000, CpuPeriod: 25_000 })).toBe(2);
  expect(cpuLimit({ NanoCpus: 0, CpuQuota: -1, CpusetCpus: "0-2,5" })).toBe(4);
  expect(cpuLimit({ NanoCpus: 3e9, CpusetCpus: "1" })).toBe(1);
});

test("what does not run has no numbers", () => {
  expect(statsRow("web", {}, { full: false, cpus: 2 })).toMatchObject({
    CPUPerc: "--",
    CPULimitPerc: "--",
    MemUsage: "-- / --",
    PIDs: "--",
  });
  expect(cpuPercent({})).toBe(0);
});

test("cache is taken off by the tree's sum where there is one, and never below nothing", () => {
  const memory = (stats: Record<string, number>) => memoryUsed({ memory_stats: { usage: 100, stats } });
  expect(memory({ total_inactive_file: 30, inactive_file: 10 })).toBe(70);
  expect(memory({ inactive_file: 10 })).toBe(90);
  expect(memory({ inactive_file: 200 })).toBe(100);
});
