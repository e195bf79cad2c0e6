/**
 * linux.intelRdt: a container's class of service and its monitoring group, which are folders of the resctrl file system. Sources: config-linux.md
 * of the specification, "IntelRdt"; Documentation/filesystems/resctrl.rst of Linux. Loaded only when it is asked for.
 */
import { invalid, SampanError } from "../../base/errors.ts";
import { exists, readText, readTextIfThere } from "../../kernel/files.ts";
import { removeDirectory } from "../../kernel/libc.ts";
import type { OciIntelRdt } from "../../spec/oci/config.ts";
import type { RdtGroup, RdtLines } from "./plan/compile/context.ts";
import { processStat } from "./state.ts";

/** Where resctrl is mounted. */
export function resctrlMount(mountinfo = readText("/proc/self/mountinfo")): string | undefined {
  return mountinfo
    .split("\n")
    .find((line) => line.includes(" - resctrl "))
    ?.split(" ")[4];
}

/**
 * What a container with this id gets. Errors: `failed_precondition` naming the field when resctrl is not there or lacks what is asked for,
 * `not_found` for a class that was to be there, `invalid_argument` for one that is there with another schemata.
 */
export function rdtGroup(rdt: OciIntelRdt, id: string, root = resctrlMount()): RdtGroup {
  const { closID = "" } = rdt;
  if (root === undefined) {
    throw new SampanError(
      "failed_precondition",
      "cannot use linux.intelRdt: resctrl is not mounted, or the processor has no resource control",
    );
  }
  const monitoring = monitoringField(rdt, root);
  const dir = closID === "/" ? root : `${root}/${closID || id}`;
  const schemata = schemataOf(rdt);
  const present = closID !== "" && exists(dir);
  if (closID !== "" && !present && schemata.length === 0) {
    throw new SampanError(
      "not_found",
      `cannot use linux.intelRdt.closID "${closID}": there is no class "${dir}", and no schemata to make it with`,
    );
  }
  if (present) for (const lines of schemata) compareSchemata(dir, lines);
  return {
    dir,
    make: !present,
    named: closID !== "",
    schemata: present ? [] : schemata,
    ...(monitoring && { monitor: { dir: `${dir}/mon_groups/${id}`, why: `linux.intelRdt.${monitoring}` } }),
  };
}

/** resctrl counts for each group all that the processor can count; 1.3 has one field for it, 1.1 and 1.2 had two. */
const counters = {
  enableMonitoring: [],
  enableCMT: ["llc_occupancy"],
  enableMBM: ["mbm_total_bytes", "mbm_local_bytes"],
} as const;

/** The field that asks for monitoring. */
function monitoringField(rdt: OciIntelRdt, root: string): string | undefined {
  const fields = (["enableMonitoring", "enableCMT", "enableMBM"] as const).filter(
    (field) => rdt[field] === true,
  );
  if (fields.length === 0) return undefined;
  const features = readTextIfThere(`${root}/info/L3_MON/mon_features`)?.split("\n") ?? [];
  for (const field of fields) {
    const wanted: readonly string[] = counters[field];
    const has =
      wanted.length === 0 ? exists(`${root}/mon_groups`) : wanted.some((name) => features.includes(name));
    if (has) continue;
    throw new SampanError(
      "failed_precondition",
      `cannot use linux.intelRdt.${field}: resctrl at "${root}" does not count ${wanted.join(" or ") || "anything"} on this processor`,
    );
  }
  return fields[0];
}

/** In two writes: the kernel refuses a resource that is twice in one, and `schemata` has the last word. */
function schemataOf({ l3CacheSchema = "", memBwSchema = "", schemata = [] }: OciIntelRdt): RdtLines[] {
  const cache = l3CacheSchema.split("\n").filter((line) => memBwSchema === "" || !line.startsWith("MB:"));
  const field =
    memBwSchema === ""
      ? "l3CacheSchema"
      : l3CacheSchema === ""
        ? "memBwSchema"
        : "l3CacheSchema, memBwSchema";
  return [
    { lines: [...cache, memBwSchema], why: `linux.intelRdt.${field}` },
    { lines: schemata, why: "linux.intelRdt.schemata" },
  ]
    .map(({ lines, why }) => ({ lines: lines.filter((line) => line !== ""), why }))
    .filter(({ lines }) => lines.length > 0);
}

/** A class that is there may be in use: what is asked for has to be what it has. */
function compareSchemata(dir: string, { lines, why }: RdtLines): void {
  const text = readText(`${dir}/schemata`);
  const present = new Map(text.split("\n").map(parseLine));
  for (const line of lines) {
    const [resource, domains] = parseLine(line);
    const there = present.get(resource);
    const same = there !== undefined && [...domains].every(([domain, value]) => there.get(domain) === value);
    if (!same)
      throw invalid(`cannot use ${why} "${line}": the class "${dir}" has other schemata: ${text.trim()}`);
  }
}

/** `L3:0=07f0;1=1f` as a map of domains to values. Bit masks may have zeros in front. */
function parseLine(line: string): [string, Map<string, string>] {
  const colon = line.indexOf(":");
  const domains = line
    .slice(colon + 1)
    .split(";")
    .map((part): [string, string] => {
      const [domain = "", value = ""] = part.split("=");
      return [
        domain.trim(),
        value
          .trim()
          .toLowerCase()
          .replace(/^(0x)?0*(?=.)/, ""),
      ];
    });
  return [line.slice(0, colon).trim(), new Map(domains)];
}

/** Folders that go with the container, in the order of their removal. */
export function madeFolders({ dir, make, monitor }: RdtGroup): string[] {
  return [...(monitor ? [monitor.dir] : []), ...(make ? [dir] : [])];
}

/**
 * Removes what `madeFolders` gave. A class with a name (`named`) that others have joined meanwhile stays: its processes would fall to the
 * default class.
 */
export function removeRdt(folders: readonly string[], named: boolean): void {
  for (const folder of folders) {
    const shared = named && !folder.includes("/mon_groups/") && hasTasks(folder);
    if (!shared) removeDirectory(folder);
  }
}

/** A process that has ended stays on the list until its parent has asked for its status. */
function hasTasks(folder: string): boolean {
  const tasks = readTextIfThere(`${folder}/tasks`)?.split("\n") ?? [];
  return tasks.some(
    (task) => task !== "" && !["Z", "X", undefined].includes(processStat(Number(task))?.state),
  );
}
