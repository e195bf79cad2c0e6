import { expect, test } from "bun:test";
import { join } from "node:path";
import { idOf } from "../../../src/fleet/edge/twin/registry.ts";
import { TwinStore } from "../../../src/fleet/edge/twin/store.ts";
import { fakeEdgeContext } from "../fake-edge-context.ts";

const rounds = 12;

/** Runs the writer until it has accepted so many updates, and kills it. The last value that it said to have accepted of each device. */
async function killed(root: string, from: number, accepts: number): Promise<Map<string, number>> {
  const child = Bun.spawn(
    [process.execPath, new URL("./_writer.ts", import.meta.url).pathname, root, String(from)],
    {
      stdout: "pipe",
      stderr: "inherit",
    },
  );
  const accepted = new Map<string, number>();
  let count = 0;
  let left = "";
  try {
    for await (const bytes of child.stdout) {
      const lines = (left + Buffer.from(bytes).toString()).split("\n");
      left = lines.pop() ?? "";
      for (const line of lines) {
        const [name = "", value = ""] = line.split(" ");
        accepted.set(name, Number(value));
        count += 1;
      }
      // What comes after it was killed was written before: it counts.
      if (count >= accepts) child.kill("SIGKILL");
    }
  } finally {
    child.kill("SIGKILL");
    await child.exited;
  }
  return accepted;
}

test(`a twin has all that was accepted, and each update whole, after each of ${rounds} kills`, async () => {
  using place = fakeEdgeContext();
  let from = 0;
  for (let round = 0; round < rounds; round++) {
    const accepted = await killed(place.root, from, 1 + round * 17);
    using store = TwinStore.open(join(place.root, "twin"), place.log);
    const devices = store.devices();
    for (const [name, value] of accepted) {
      const properties = devices.get(idOf({ namespace: "default", name }))?.properties;
      const [a, b] = ["a", "b"].map((each) => properties?.get(each));
      expect(Number(a?.twin.actual?.value)).toBeGreaterThanOrEqual(value);
      expect(b?.twin.actual?.value).toBe(a?.twin.actual?.value ?? "");
      expect(b?.twin.actual_version).toEqual(a?.twin.actual_version);
      expect([a?.owes, b?.owes].every((owes) => (owes ?? 0) > 0)).toBeTrue();
    }
    expect(place.logged).toEqual([]);
    from = Math.max(from, ...accepted.values()) + 1000;
  }
});
