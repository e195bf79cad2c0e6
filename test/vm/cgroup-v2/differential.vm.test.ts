/** The same bundle by our runtime and by runc: every setting in the cgroup's files has to be the same. */
import { afterAll, beforeAll, expect } from "bun:test";
import type { OciResources } from "../../../src/spec/oci/config.ts";
import { needing } from "../../needs.ts";
import { GuestContainer, ours, reference, type Runtime } from "../container.ts";
import { bootVm, type VirtualMachine } from "../machine.ts";
import { runtimeNeeds } from "../place.ts";
import { runcFiles, runtimeFiles } from "../runtime-files.ts";
import { rowsFor } from "./limit-rows.ts";

const { describe, test } = needing({ ...runtimeNeeds, programs: [...(runtimeNeeds.programs ?? []), "runc"] });

/** Files that tell what happens, not what was set; and what runc sets only since 1.2. */
const passedOver =
  /\.rsvd\.max$|\.(stat|current|peak|pressure|numa_stat|events|events\.local|procs|threads|kill|reclaim)$/;

describe("cgroup files by ours and by runc", () => {
  let vm: VirtualMachine;
  beforeAll(async () => {
    vm = await bootVm({ files: [...runtimeFiles(), ...runcFiles()], memoryMiB: 768 });
  }, 120_000);
  afterAll(() => vm?.[Symbol.asyncDispose]());

  async function settings(runtime: Runtime, resources: OciResources): Promise<Record<string, string>> {
    await using container = new GuestContainer(vm, runtime, { resources });
    await container.start();
    const { stdout } = await vm.shell(`cd ${container.cgroup} && grep -r . .`);
    const lines = stdout.split("\n").map((line) => /^\.\/([^:]+):(.*)$/.exec(line));
    const files: Record<string, string> = {};
    for (const [, file = "", text = ""] of lines.filter((line) => line !== null)) {
      if (!passedOver.test(file)) files[file] = `${files[file] ?? ""}${text}\n`;
    }
    return files;
  }

  test.each(rowsFor(reference).map((row) => [row.field, row] as const))("%s", async (_, { resources }) => {
    const expected = await settings(reference, resources);
    expect(Object.keys(expected)).toContain("memory.max");
    expect(await settings(ours, resources)).toEqual(expected);
  });
});
