/** `--health-…`, `--restart` and `--ulimit`. */
import { invalid } from "../../../base/errors.ts";
import type { HealthConfig, RestartPolicy } from "../../../spec/docker/create.ts";
import { given } from "../../flags/shared.ts";
import { parseGoDuration } from "../../text/duration.ts";

export interface HealthFlags {
  readonly "health-cmd": string | undefined;
  readonly "health-interval": string | undefined;
  readonly "health-timeout": string | undefined;
  readonly "health-retries": number | undefined;
  readonly "health-start-period": string | undefined;
  readonly "health-start-interval": string | undefined;
  readonly "no-healthcheck": boolean;
}

function duration(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const found = parseGoDuration(text);
  if (found === undefined || found < 0)
    throw invalid(`invalid argument "${text}" for --${flag}: wanted a duration, as 30s or 1m30s`);
  return found;
}

/** Undefined: what the image says. */
export function parseHealth(flags: HealthFlags): HealthConfig | undefined {
  const times = {
    ...given("Interval", duration("health-interval", flags["health-interval"])),
    ...given("Timeout", duration("health-timeout", flags["health-timeout"])),
    ...given("StartPeriod", duration("health-start-period", flags["health-start-period"])),
    ...given("StartInterval", duration("health-start-interval", flags["health-start-interval"])),
    ...given("Retries", flags["health-retries"]),
  };
  const command = flags["health-cmd"];
  const asked = command !== undefined || Object.keys(times).length > 0;
  if (flags["no-healthcheck"]) {
    if (asked) throw invalid("cannot use --no-healthcheck with --health-… flags");
    return { Test: ["NONE"] };
  }
  if (!asked) return undefined;
  return { ...(command === undefined ? {} : { Test: ["CMD-SHELL", command] }), ...times };
}

const policies = ["no", "always", "unless-stopped", "on-failure"] as const;

export function parseRestart(text: string): RestartPolicy {
  const [name = "", count, ...more] = text.split(":");
  const Name = policies.find((policy) => policy === name);
  const wrong = count !== undefined && (Name !== "on-failure" || !/^\d+$/.test(count));
  if (!Name || wrong || more.length > 0)
    throw invalid(`cannot use restart policy "${text}": wanted no, on-failure[:N], always or unless-stopped`);
  return { Name, ...(count === undefined ? {} : { MaximumRetryCount: Number(count) }) };
}

const limits = new Set(
  "as core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack".split(
    " ",
  ),
);

export function parseUlimit(text: string): { Name: string; Soft: number; Hard: number } {
  const [, name = "", soft = "", hard = soft] = /^([a-z]+)=(-?\d+)(?::(-?\d+))?$/.exec(text) ?? [];
  if (!limits.has(name))
    throw invalid(`cannot set ulimit "${text}": wanted NAME=SOFT[:HARD], as nofile=1024:2048`);
  const found = { Name: name, Soft: Number(soft), Hard: Number(hard) };
  if (found.Hard !== -1 && (found.Soft > found.Hard || found.Soft === -1))
    throw invalid(`cannot set ulimit "${text}": the soft limit is above the hard one`);
  return found;
}
