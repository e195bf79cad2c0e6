import { expect, test } from "bun:test";
import { parseFlags } from "./flags.ts";
import { flags, fromFlags } from "./update.ts";

function resources(...args: string[]): { resources: object; warnings: string[] } {
  const warnings: string[] = [];
  const log = (_level: string, text: string) => warnings.push(text);
  return { resources: fromFlags(parseFlags(flags, args).flags, { log }), warnings };
}

test("only what is given is changed", () => {
  expect(resources().resources).toEqual({});
  expect(resources("--cpu-share", "512").resources).toEqual({ cpu: { shares: 512 } });
});

test("each limit has its flag", () => {
  const args =
    "--blkio-weight 100 --cpu-period 100000 --cpu-quota -1 --cpu-burst 1000 --cpu-share 2 --cpu-rt-period 1000000 " +
    "--cpu-rt-runtime 0 --cpuset-cpus 0-1 --cpuset-mems 0 --cpu-idle 1 --memory 64m --memory-reservation 32m " +
    "--memory-swap -1 --pids-limit -1";
  expect(resources(...args.split(" ")).resources).toEqual({
    cpu: {
      period: 100_000,
      quota: -1,
      burst: 1000,
      shares: 2,
      realtimePeriod: 1_000_000,
      realtimeRuntime: 0,
      idle: 1,
      cpus: "0-1",
      mems: "0",
    },
    memory: { limit: 67_108_864, reservation: 33_554_432, swap: -1 },
    blockIO: { weight: 100 },
    pids: { limit: -1 },
  });
});

test("limits of kernel memory have no effect and are warned of", () => {
  const { resources: given, warnings } = resources("--kernel-memory", "1m", "--kernel-memory-tcp", "1m");
  expect(given).toEqual({});
  expect(warnings).toHaveLength(2);
});

test("a value that is no number is refused by its flag's name", () => {
  expect(() => resources("--cpu-quota", "half")).toThrow('invalid value for cpu-quota: "half"');
  expect(() => resources("--cpu-share", "1.5")).toThrow("invalid value for cpu-share");
  expect(() => resources("--memory", "lots")).toThrow("invalid value for memory");
});

test("a value out of its field's range is refused by the field's name", () => {
  expect(() => resources("--cpu-period", "-1")).toThrow("cpu.period");
});
