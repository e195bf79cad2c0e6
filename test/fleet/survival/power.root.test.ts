/** The power of an edge cut at any moment: what it said to have is in its stores, and each change is whole. */
import { afterAll, expect } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openMeta } from "../../../src/fleet/edge/meta/open.ts";
import { idOf } from "../../../src/fleet/edge/twin/registry.ts";
import { TwinStore } from "../../../src/fleet/edge/twin/store.ts";
import { record } from "../../../tools/power-cut/record.ts";
import { type Look, replay } from "../../../tools/power-cut/replay.ts";
import { needing } from "../../needs.ts";
import { memory } from "../../power-cut/_memory.ts";
import { fakeLink } from "../edge/fake-link.ts";
import { handClock } from "../hand-clock.ts";

const { test } = needing({ root: true, programs: ["strace"] });
const scratch = mkdtempSync(join(tmpdir(), "sampan-edge-power-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** The last of each that was said; undefined: nothing was. */
function promised(said: string): Readonly<Record<string, number>> {
  return Object.fromEntries(
    said
      .split("\n")
      .filter(Boolean)
      .map((line) => line.split(" "))
      .map(([what = "", number]) => [what, Number(number)]),
  );
}

async function look({ root, said }: Look): Promise<string | undefined> {
  const wanted = promised(said);
  const log: string[] = [];
  const wrong: string[] = [];
  {
    const { signal } = new AbortController();
    await using meta = await openMeta({
      root,
      link: fakeLink(),
      clock: handClock(),
      log: (text) => log.push(text),
      signal,
    });
    for (const [type, name] of [
      ["pod", "web"],
      ["secret", "secret"],
    ] as const) {
      const found = meta.get({ namespace: "default", type, name });
      const version = Number(found?.metadata.resourceVersion ?? 0);
      if (version < (wanted[type] ?? 0))
        wrong.push(`${type} ${wanted[type]} was promised, ${version} is there`);
      const value = Buffer.from((found?.["data"] as { value: string } | undefined)?.value ?? "", "base64");
      if (found && type === "secret" && value.toString() !== `hidden ${version}`)
        wrong.push(`secret ${version} is not itself`);
    }
  }
  using store = TwinStore.open(join(root, "twin"), (text) => log.push(text));
  const properties = store.devices().get(idOf({ namespace: "default", name: "d1" }))?.properties;
  const [a, b] = ["a", "b"].map((name) => Number(properties?.get(name)?.twin.actual?.value ?? 0));
  if (a !== b) wrong.push(`half of an update is there: ${a} and ${b}`);
  if ((a ?? 0) < (wanted["twin"] ?? 0)) wrong.push(`twin ${wanted["twin"]} was promised, ${a} is there`);
  return [...wrong, ...log].join("\n") || undefined;
}

test("what was acknowledged to the cloud and to devices is there after every cut, and nothing is damaged", async () => {
  const root = join(scratch, "root");
  mkdirSync(root, { mode: 0o700 });
  const recording = await record({
    root,
    log: join(scratch, "log"),
    command: [process.execPath, join(import.meta.dir, "_store-writer.ts"), root],
  });
  const report = await replay(recording, {
    check: look,
    scratch: memory(),
    ...(process.env["SAMPAN_POWER_CUT"] === "all" ? { choices: 8 } : { choices: 1, cuts: 40 }),
  });
  expect(
    report.failures.map(
      ({ message, after, choice, pending }) => `${after}, ${choice}: ${message} ${pending.join("; ")}`,
    ),
  ).toEqual([]);
  expect(report.states).toBeGreaterThan(30);
}, 100_000);
