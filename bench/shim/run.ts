/**
 * `bun bench/shim/run.ts [--json] [--quick] [--containers 100]`: containers of Debian's containerd by our shim and by runc's, in turns. Needs root and dist/sampan. Writes tables into
 * bench/results.md; with --json all numbers, with --quick tables to standard output.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { until } from "../../test/counterparts/_await.ts";
import { output } from "../../test/counterparts/_ran.ts";
import { type ShimHost, startShimHost } from "../../test/shim/_containerd.ts";
import { machine } from "../_machine.ts";
import { formOf, publish } from "../_publish.ts";
import { type Row, spreadOf } from "../_statistics.ts";

const { values: flags } = parseArgs({
  options: {
    json: { type: "boolean" },
    quick: { type: "boolean" },
    containers: { type: "string", default: "100" },
  },
});
const rounds = flags.quick ? 3 : 30;
const many = flags.quick ? 5 : Number(flags.containers);
const runtimes = { sampan: "io.containerd.sampan.v2", runc: "io.containerd.runc.v2" } as const;
type Name = keyof typeof runtimes;
const names = Object.keys(runtimes) as Name[];
const rows: Row[] = [];

function add(name: string, unit: string, values: Partial<Record<Name, readonly number[]>>, ratio?: number) {
  const spreads = Object.fromEntries(
    Object.entries(values).map(([of, list]) => [of, spreadOf(list)] as const),
  );
  rows.push({ name, unit, spreads, ...(ratio !== undefined && { goal: { against: "runc", ratio } }) });
  console.error(
    `${name}, ${unit}: ${Object.entries(spreads)
      .map(([of, { median }]) => `${of} ${median.toFixed(2)}`)
      .join("  ")}`,
  );
}

async function timed(act: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await act();
  return performance.now() - begun;
}

const run = (host: ShimHost, name: Name, ...words: string[]) =>
  output(
    host.command("run", "--runtime", runtimes[name], "--fifo-dir", join(host.folder, "fifos"), ...words),
  );

/** One container after the other, so that each begins a shim where a shim is a container's own. */
async function times(host: ShimHost): Promise<void> {
  const [first, start, end] = [0, 1, 2].map(() => ({ sampan: [] as number[], runc: [] as number[] }));
  for (let round = -1; round < rounds; round++)
    for (const name of names) {
      const id = `time-${name}`;
      const whole = await timed(() => run(host, name, "--rm", host.image, id, "true"));
      const begun = await timed(() => run(host, name, "--detach", host.image, id, "sleep", "1000"));
      const ended = await timed(() => output(host.command("tasks", "delete", "--force", id)));
      await output(host.command("containers", "delete", id));
      if (round < 0) continue;
      first?.[name].push(whole);
      start?.[name].push(begun);
      end?.[name].push(ended);
    }
  add("`ctr run --rm` of `true`", "ms", first ?? {}, 1);
  add("`ctr run --detach`", "ms", start ?? {}, 1);
  add("`ctr tasks delete --force`", "ms", end ?? {}, 1);
}

/** The parent of a container's first process: its monitor, or its shim. */
function parentOf(pid: string): number {
  return Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
}

/** MiB. */
function pssOf(pids: Iterable<number>): number {
  let sum = 0;
  for (const pid of pids)
    sum += Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1]);
  return sum / 1024;
}

async function besides(host: ShimHost, name: Name): Promise<number[]> {
  const tasks = await output(host.command("tasks", "list"));
  const parents = tasks
    .split("\n")
    .flatMap((line) => /^\S+\s+(\d+)\s+RUNNING/.exec(line)?.[1] ?? [])
    .map(parentOf);
  return [...new Set([...parents, ...(name === "sampan" ? [...host.keepers(), ...host.servers()] : [])])];
}

async function memory(host: ShimHost): Promise<void> {
  for (const count of [1, many]) {
    const used: Partial<Record<Name, number[]>> = {};
    let resting: number | undefined;
    for (const name of names) {
      const ids = Array.from({ length: count }, (_, i) => `memory-${name}-${i}`);
      for (const id of ids) await run(host, name, "--detach", host.image, id, "sleep", "1000");
      used[name] = [pssOf(await besides(host, name)) / count];
      if (name === "sampan") {
        await until("the shim to rest", () => host.servers().length === 0 || undefined, 60);
        const tasks = ids.map((id) =>
          Number(
            JSON.parse(
              readFileSync(
                join(
                  host.folder,
                  "state/io.containerd.runtime.v2.task",
                  host.command()[4] ?? "",
                  id,
                  "sampan/task.json",
                ),
                "utf8",
              ),
            ).pid,
          ),
        );
        resting = pssOf(new Set([...tasks.map((pid) => parentOf(String(pid))), ...host.keepers()])) / count;
      }
      for (const id of ids) {
        await output(host.command("tasks", "delete", "--force", id));
        await output(host.command("containers", "delete", id));
      }
    }
    const what = `memory of shims and monitors, of ${count === 1 ? "one container" : `${count} containers, for each`}`;
    add(`${what}, while somebody asks`, "MiB", used);
    if (resting !== undefined)
      add(
        `${what}, while nobody does`,
        "MiB",
        { sampan: [resting], ...(used.runc && { runc: used.runc }) },
        0.2,
      );
  }
}

async function main(): Promise<void> {
  {
    await using host = await startShimHost();
    await times(host);
  }
  {
    await using host = await startShimHost({ SAMPAN_SHIM_REST_MS: "1500" });
    await memory(host);
  }
  const version = (await output(["containerd", "--version"])).trim().split(" ").slice(1, 3).join(" ");
  const about = [
    ...machine({ runtimes: [{ name: "containerd", version, words: [], every: 1 }], missing: [] }),
    "- Both shims under one containerd, by ctr, in turns.",
    "- Memory: proportional set sizes (PSS). Our shim rests a minute after the last call or event; here after 1.5 s.",
  ];
  publish({ title: "Containers of containerd, by shim", about, rows, as: formOf(flags) });
}

await main();
