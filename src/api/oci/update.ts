/** sampan runtime update ID: limits from flags, or from a JSON document (--resources), which then counts alone. */
import { readFileSync } from "node:fs";
import { invalid, SampanError } from "../../base/errors.ts";
import { update, type RdtSchemas } from "../../runtime/native/update.ts";
import type { OciResources } from "../../spec/oci/config.ts";
import { parseDocument } from "../../spec/oci/parse.ts";
import { validateResources } from "../../spec/oci/validate.ts";
import { parseSize } from "./_size.ts";
import { onlyId } from "./_words.ts";
import { parseFlags, type Flags } from "./flags.ts";
import type { Command, CommandContext } from "./main.ts";

export const flags = {
  resources: {
    kind: "text",
    short: "r",
    value: "FILE|-",
    help: "linux.resources as JSON, from a file or standard input; the other limits are not looked at then",
  },
  "blkio-weight": { kind: "number", value: "N", help: "weight for block devices, 10 to 1000" },
  "cpu-period": { kind: "text", value: "µs", help: "period of the processor limit" },
  "cpu-quota": { kind: "text", value: "µs", help: "processor time in a period; -1 for no limit" },
  "cpu-burst": { kind: "text", value: "µs", help: "processor time that may be saved up for later" },
  "cpu-share": { kind: "text", value: "N", help: "share of the processors beside other containers" },
  "cpu-rt-period": { kind: "text", value: "µs", help: "period of the realtime limit" },
  "cpu-rt-runtime": { kind: "text", value: "µs", help: "realtime in a period" },
  "cpuset-cpus": { kind: "text", value: "LIST", help: "processors that may be used, like 0-3,6" },
  "cpuset-mems": { kind: "text", value: "LIST", help: "memory nodes that may be used" },
  "cpu-idle": { kind: "text", value: "0|1", help: "1: run only when nothing else wants to" },
  memory: { kind: "text", value: "SIZE", help: "memory limit, like 64m; -1 for none" },
  "memory-reservation": { kind: "text", value: "SIZE", help: "soft limit" },
  "memory-swap": { kind: "text", value: "SIZE", help: "limit of memory and swap together; -1 for none" },
  "kernel-memory": { kind: "text", value: "SIZE", help: "no effect, as in runc" },
  "kernel-memory-tcp": { kind: "text", value: "SIZE", help: "no effect, as in runc" },
  "pids-limit": { kind: "number", value: "N", help: "how many processes there may be; -1 for no limit" },
  "l3-cache-schema": { kind: "text", value: "TEXT", help: "schema of the level 3 cache (resctrl)" },
  "mem-bw-schema": { kind: "text", value: "TEXT", help: "schema of the memory bandwidth (resctrl)" },
} as const;

type Given = Flags<typeof flags>;

export const command: Command = async (context) => {
  const { flags: given, words } = parseFlags(flags, context.args);
  const id = onlyId("update", words);
  const resources = given.resources ? fromDocument(given.resources) : fromFlags(given, context.logger);
  await update(context.runtime, id, { resources, ...schemas(given) });
  return 0;
};

function fromDocument(path: string): OciResources {
  const name = path === "-" ? "standard input" : path;
  let text: string;
  try {
    text = readFileSync(path === "-" ? 0 : path, "utf8");
  } catch (error) {
    throw SampanError.wrap(`cannot read --resources "${path}"`, error);
  }
  return validateResources(parseDocument(text, name));
}

/** Exported for its test. Errors name the flag, or the field that the flag stands for. */
export function fromFlags(given: Given, logger: CommandContext["logger"]): OciResources {
  for (const flag of ["kernel-memory", "kernel-memory-tcp"] as const)
    if (given[flag]) logger.log("warning", `Setting --${flag} is ignored and will be removed`);
  const cpu = {
    ...whole(given, "cpu-period", "period"),
    ...whole(given, "cpu-quota", "quota"),
    ...whole(given, "cpu-burst", "burst"),
    ...whole(given, "cpu-share", "shares"),
    ...whole(given, "cpu-rt-period", "realtimePeriod"),
    ...whole(given, "cpu-rt-runtime", "realtimeRuntime"),
    ...whole(given, "cpu-idle", "idle"),
    ...(given["cpuset-cpus"] && { cpus: given["cpuset-cpus"] }),
    ...(given["cpuset-mems"] && { mems: given["cpuset-mems"] }),
  };
  const memory = {
    ...size(given, "memory", "limit"),
    ...size(given, "memory-reservation", "reservation"),
    ...size(given, "memory-swap", "swap"),
  };
  const weight = given["blkio-weight"];
  const pids = given["pids-limit"];
  return validateResources({
    ...(Object.keys(cpu).length > 0 && { cpu }),
    ...(Object.keys(memory).length > 0 && { memory }),
    // 0 is "as it is" for both, as in runc.
    ...(weight && { blockIO: { weight } }),
    ...(pids && { pids: { limit: pids } }),
  });
}

type TextFlag = {
  [K in keyof typeof flags]: (typeof flags)[K]["kind"] extends "text" ? K : never;
}[keyof typeof flags];

function whole(given: Given, flag: TextFlag, field: string): Record<string, number> {
  const text = given[flag];
  if (!text) return {};
  const number = Number(text);
  if (!/^-?\d+$/.test(text) || !Number.isSafeInteger(number))
    throw invalid(`invalid value for ${flag}: "${text}" is no whole number`);
  return { [field]: number };
}

function size(given: Given, flag: TextFlag, field: string): Record<string, number | bigint> {
  const text = given[flag];
  return text ? { [field]: parseSize(flag, text) } : {};
}

function schemas(given: Given): { rdt?: RdtSchemas } {
  const l3CacheSchema = given["l3-cache-schema"];
  const memBwSchema = given["mem-bw-schema"];
  if (!l3CacheSchema && !memBwSchema) return {};
  return { rdt: { ...(l3CacheSchema && { l3CacheSchema }), ...(memBwSchema && { memBwSchema }) } };
}
