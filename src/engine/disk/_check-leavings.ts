import { dropDeadLeases } from "../gc/leases.ts";
import { unreachable } from "../gc/mark.ts";
import { foundBefore, type FoundBefore } from "../store/found.ts";
import type { Check } from "./check.ts";
import { diskUsage } from "./usage.ts";

/** What crashes left: leases of processes that are gone, files without rows, rows that nothing reaches. A collection takes all of it. */
export async function checkLeavings({ engine, options, report }: Check): Promise<void> {
  const { repair } = options;
  const { store } = engine;
  for (const { purpose, pid } of engine.leases.list().filter(({ alive }) => !alive))
    report({
      what: `lease "${purpose}" belongs to process ${pid}, which is gone`,
      severity: "garbage",
      repaired: repair,
    });
  // Those that are gone protect nothing, so what only they hold is named too.
  if (repair) store.transaction(() => dropDeadLeases(store));
  const left = unreachable(store);
  for (const { digest } of left.blobs)
    report({ what: `blob ${digest} is needed by nothing`, severity: "garbage", repaired: repair });
  for (const { key } of left.snapshots)
    report({ what: `snapshot ${key} is needed by nothing`, severity: "garbage", repaired: repair });
  const usage = await diskUsage(engine);
  const itemsOf = (wanted: string) => usage.categories.find(({ name }) => name === wanted)?.items ?? [];
  const before = foundBefore(store);
  if (repair) await engine.gc.collect(options.signal, { found: "take" });
  const after = repair ? await diskUsage(engine) : usage;
  const remaining = new Set(
    after.categories.find(({ name }) => name === "garbage")?.items.map(({ name }) => name),
  );
  for (const { name } of itemsOf("garbage"))
    report({
      what: `${name} has no row: ${isFound(before, name) ? "it is older than the database, and perhaps what a container wrote" : "a crash left it"}`,
      severity: "garbage",
      repaired: !remaining.has(name),
    });
  for (const { name } of itemsOf("unknown"))
    report({ what: `"${store.root}/${name}" is nothing of Sampan's`, severity: "note" });
}

/** By the name that usage gives it. */
function isFound(before: FoundBefore, name: string): boolean {
  const [kind, first = "", second] = name.split("/");
  return kind === "containers"
    ? before.container(first)
    : kind === "snapshots" && before.snapshot(Number(second));
}
