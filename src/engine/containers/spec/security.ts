/** HostConfig.SecurityOpt and the paths that are hidden. Pure. */
import { SampanError, invalid } from "../../../base/errors.ts";
import type { HostConfig } from "../../../spec/docker/create.ts";
import type { OciSeccomp } from "../../../spec/oci/config.ts";
import { defaultSeccomp } from "../capabilities.ts";
import type { HostFacts } from "./host.ts";
import { parseProfile } from "./seccomp-profile.ts";

export interface Security {
  readonly noNewPrivileges: boolean;
  /** Undefined: no filter. */
  readonly seccomp: OciSeccomp | undefined;
  /** Undefined: none. */
  readonly appArmor: string | undefined;
  readonly maskedPaths: readonly string[];
  readonly readonlyPaths: readonly string[];
  readonly writableCgroups: boolean;
}

/** Of a container that asks for none. With /sys/devices/virtual/powercap: its counters tell what the processor computes (CVE-2020-8694, GHSA-jq35-85cj-fj4p). */
export const maskedPaths = [
  "/proc/acpi",
  "/proc/asound",
  "/proc/interrupts",
  "/proc/kcore",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/timer_list",
  "/proc/timer_stats",
  "/proc/sched_debug",
  "/proc/scsi",
  "/sys/firmware",
  "/sys/devices/virtual/powercap",
] as const;

export const readonlyPaths = [
  "/proc/bus",
  "/proc/fs",
  "/proc/irq",
  "/proc/sys",
  "/proc/sysrq-trigger",
] as const;

type Facts = Pick<HostFacts, "appArmor" | "kernel">;

/** Errors: `invalid_argument` for a word that is none; `failed_precondition` for what this host has not. */
export function security(asked: HostConfig, capabilities: readonly string[], facts: Facts): Security {
  const words = securityWords(asked.SecurityOpt ?? []);
  const open = asked.Privileged === true || words.get("systempaths") === "unconfined";
  return {
    noNewPrivileges: flagOf(words, "no-new-privileges"),
    seccomp: seccompOf(words.get("seccomp"), { asked, capabilities, facts }),
    appArmor: appArmorOf(words.get("apparmor"), facts),
    maskedPaths: open ? [] : paths("MaskedPaths", asked.MaskedPaths ?? maskedPaths),
    readonlyPaths: open ? [] : paths("ReadonlyPaths", asked.ReadonlyPaths ?? readonlyPaths),
    writableCgroups: flagOf(words, "writable-cgroups"),
  };
}

/** `name=value`, or `name:value` as it was first written; the last of a name is taken. */
export function securityWords(options: readonly string[]): ReadonlyMap<string, string> {
  const known = ["apparmor", "label", "no-new-privileges", "seccomp", "systempaths", "writable-cgroups"];
  const found = new Map<string, string>();
  for (const option of options) {
    const [, name = "", value] = /^([a-z-]+)(?:[=:]([^]*))?$/.exec(option) ?? [];
    const alone = name === "no-new-privileges" || name === "writable-cgroups";
    if (!known.includes(name) || (value === undefined && !alone))
      throw invalid(
        `cannot use security option "${option.slice(0, 150)}": wanted one of ${known.join(", ")}, then "=" and a value`,
      );
    found.set(name, value ?? "true");
  }
  return found;
}

function flagOf(words: ReadonlyMap<string, string>, name: string): boolean {
  const value = words.get(name) ?? "false";
  if (["true", "1", "t"].includes(value.toLowerCase())) return true;
  if (["false", "0", "f"].includes(value.toLowerCase())) return false;
  throw invalid(`cannot use security option "${name}=${value.slice(0, 150)}": wanted true or false`);
}

interface SeccompWish {
  readonly asked: HostConfig;
  readonly capabilities: readonly string[];
  readonly facts: Facts;
}

/** A privileged container has a filter only when it is given one. */
function seccompOf(
  value: string | undefined,
  { asked, capabilities, facts }: SeccompWish,
): OciSeccomp | undefined {
  if (value === "unconfined") return undefined;
  if (value === "builtin" || value === "default") return defaultSeccomp(capabilities);
  if (value !== undefined) return parseProfile(value, { capabilities, kernel: facts.kernel });
  return asked.Privileged ? undefined : defaultSeccomp(capabilities);
}

function appArmorOf(value: string | undefined, { appArmor }: Facts): string | undefined {
  if (value === undefined || value === "" || value === "unconfined")
    return appArmor && value === "unconfined" ? "unconfined" : undefined;
  if (appArmor) return value;
  throw new SampanError(
    "failed_precondition",
    `cannot use AppArmor profile "${value.slice(0, 150)}": this kernel has AppArmor off, wanted unconfined`,
  );
}

function paths(field: string, list: readonly string[]): readonly string[] {
  const wrong = list.find((path) => !path.startsWith("/") || path.split("/").includes(".."));
  if (wrong === undefined) return list;
  throw invalid(`cannot use ${field}: "${wrong.slice(0, 150)}" is not an absolute path without ".."`);
}
