/** `--change` of commit and import: the instructions of a Dockerfile that change a configuration, read as a Dockerfile's are. */
import { invalid } from "../../base/errors.ts";
import type { ImageConfigRun } from "../../spec/image/types.ts";

/** The fields as Docker writes them, with Docker's own (ArgsEscaped and the like) kept. */
export type RunConfig = Readonly<Record<string, unknown>> & ImageConfigRun;

export function applyChanges(config: RunConfig, changes: readonly string[]): RunConfig {
  // One --change may hold several lines, and a backslash at a line's end joins it with the next.
  const lines = changes.flatMap((change) => change.replaceAll(/\\[ \t]*\r?\n/g, "").split(/\r?\n/));
  return lines.filter((line) => /^\s*[^#\s]/.test(line)).reduce(applyOne, config);
}

type Apply = (config: RunConfig, rest: string) => Partial<RunConfig>;

function applyOne(config: RunConfig, line: string): RunConfig {
  const [, word = "", rest = ""] = /^\s*(\S+)\s*([^]*?)\s*$/.exec(line) ?? [];
  const name = word.toUpperCase();
  const apply = Object.hasOwn(instructions, name) ? instructions[name] : undefined;
  const shown = line.trim().slice(0, 200);
  if (!apply)
    throw invalid(
      `cannot apply change "${shown}": ${word.slice(0, 40)} is not among ${Object.keys(instructions).join(", ")}`,
    );
  try {
    if (rest === "") throw invalid("it has no argument");
    return { ...config, ...apply(config, rest) };
  } catch (error) {
    throw invalid(`cannot apply change "${shown}": ${(error as Error).message}`);
  }
}

const instructions: Readonly<Record<string, Apply>> = {
  CMD: (config, rest) => ({ Cmd: command(config, rest) }),
  ENTRYPOINT: (config, rest) => ({ Entrypoint: command(config, rest) }),
  ENV: (config, rest) => ({ Env: mergeEnv(config.Env ?? [], pairs(rest)) }),
  EXPOSE: (config, rest) => ({
    ExposedPorts: { ...config.ExposedPorts, ...Object.fromEntries(ports(rest).map((port) => [port, {}])) },
  }),
  HEALTHCHECK: (_config, rest) => ({ Healthcheck: healthcheck(rest) }),
  LABEL: (config, rest) => ({ Labels: { ...config.Labels, ...Object.fromEntries(pairs(rest)) } }),
  ONBUILD: (config, rest) => ({ OnBuild: [...(config.OnBuild ?? []), onBuild(rest)] }),
  STOPSIGNAL: (_config, rest) => ({ StopSignal: rest }),
  USER: (_config, rest) => ({ User: rest }),
  VOLUME: (config, rest) => ({
    Volumes: { ...config.Volumes, ...Object.fromEntries(volumes(rest).map((path) => [path, {}])) },
  }),
  WORKDIR: (config, rest) => ({ WorkingDir: workingDirectory(config.WorkingDir ?? "/", unquote(rest)) }),
};

/** A JSON list of strings; undefined for what is none, which is then taken as words. */
function jsonForm(text: string): string[] | undefined {
  if (!text.startsWith("[")) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) && value.every((item) => typeof item === "string") ? value : undefined;
  } catch {
    return undefined;
  }
}

function command(config: RunConfig, rest: string): string[] {
  return jsonForm(rest) ?? [...(config.Shell ?? ["/bin/sh", "-c"]), rest];
}

/** Words parted by blanks; quotes hold them together, a backslash keeps the next character. */
function words(text: string): string[] {
  const found: string[] = [];
  let word: string | undefined;
  let quote = "";
  for (let at = 0; at < text.length; at++) {
    const character = text[at] as string;
    if (character === "\\" && quote !== "'" && at + 1 < text.length) word = (word ?? "") + text[++at];
    else if (quote !== "" && character === quote) quote = "";
    else if (quote === "" && (character === '"' || character === "'"))
      [quote, word] = [character, word ?? ""];
    else if (quote === "" && /\s/.test(character)) {
      if (word !== undefined) found.push(word);
      word = undefined;
    } else word = (word ?? "") + character;
  }
  if (quote !== "") throw invalid(`a ${quote} has no end`);
  return word === undefined ? found : [...found, word];
}

const unquote = (text: string) => words(text).join(" ");

/** `KEY=value KEY="two words"`, or the old `KEY all the rest`. */
function pairs(rest: string): [string, string][] {
  const [first = ""] = rest.split(/\s/, 1);
  if (!first.includes("=")) {
    const value = rest.slice(first.length).trim();
    if (value === "") throw invalid("wanted KEY=VALUE");
    return [[first, value]];
  }
  return words(rest).map((word) => {
    const equals = word.indexOf("=");
    if (equals <= 0) throw invalid(`"${word.slice(0, 100)}" is not KEY=VALUE`);
    return [word.slice(0, equals), word.slice(equals + 1)];
  });
}

function mergeEnv(env: readonly string[], added: readonly [string, string][]): string[] {
  const merged = new Map(env.map((line) => [line.split("=", 1)[0] ?? line, line]));
  for (const [key, value] of added) merged.set(key, `${key}=${value}`);
  return [...merged.values()];
}

/** `80`, `80/udp`, `8000-8002/tcp`. */
function ports(rest: string): string[] {
  return words(rest).flatMap((word) => {
    const [, from = "", to = from, protocol = "tcp"] =
      /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(tcp|udp|sctp))?$/i.exec(word) ?? [];
    const [low, high] = [Number(from), Number(to)];
    if (from === "" || low < 1 || high > 65_535 || high < low)
      throw invalid(`"${word.slice(0, 100)}" is not a port from 1 to 65535, with /tcp, /udp or /sctp`);
    return Array.from({ length: high - low + 1 }, (_, index) => `${low + index}/${protocol.toLowerCase()}`);
  });
}

function volumes(rest: string): string[] {
  const paths = jsonForm(rest) ?? words(rest);
  if (paths.some((path) => path.trim() === "")) throw invalid("a volume's path is empty");
  return paths;
}

function workingDirectory(now: string, wanted: string): string {
  const parts: string[] = [];
  for (const part of (wanted.startsWith("/") ? wanted : `${now}/${wanted}`).split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return `/${parts.join("/")}`;
}

function onBuild(rest: string): string {
  const word = /^\S+/.exec(rest)?.[0].toUpperCase() ?? "";
  if (["ONBUILD", "FROM", "MAINTAINER"].includes(word)) throw invalid(`${word} cannot stand behind ONBUILD`);
  return rest;
}

const durations = {
  interval: "Interval",
  timeout: "Timeout",
  "start-period": "StartPeriod",
  "start-interval": "StartInterval",
} as const;
const units: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};

/** Go's durations, in nanoseconds: `1m30s`. */
function nanoseconds(text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)];
  if (parts.length === 0 || parts.map(([part]) => part).join("") !== text)
    throw invalid(`"${text.slice(0, 40)}" is not a duration, as 1m30s`);
  const sum = parts.reduce((total, [, number, unit = "s"]) => total + Number(number) * (units[unit] ?? 0), 0);
  if (sum !== 0 && sum < 1e6) throw invalid(`"${text}" is shorter than 1ms`);
  return Math.round(sum);
}

/** `NONE`, or `[--interval=… --timeout=… --start-period=… --start-interval=… --retries=…] CMD …`. */
function healthcheck(rest: string): object {
  const found: Record<string, unknown> = {};
  let text = rest;
  for (let flag = takeFlag(text); flag; flag = takeFlag(text)) {
    if (flag.name === "retries") {
      if (!/^\d{1,9}$/.test(flag.value))
        throw invalid(`"${flag.value.slice(0, 40)}" is not a number of retries`);
      found["Retries"] = Number(flag.value);
    } else if (Object.hasOwn(durations, flag.name))
      found[durations[flag.name as keyof typeof durations]] = nanoseconds(flag.value);
    else throw invalid(`there is no flag --${flag.name.slice(0, 40)}`);
    text = flag.rest;
  }
  const [, word = "", argument = ""] = /^(\S+)\s*([^]*)$/.exec(text) ?? [];
  if (word.toUpperCase() === "NONE" && argument === "") return { Test: ["NONE"] };
  if (word.toUpperCase() !== "CMD" || argument === "") throw invalid("wanted NONE, or CMD and a command");
  const list = jsonForm(argument);
  return { Test: list ? ["CMD", ...list] : ["CMD-SHELL", argument], ...found };
}

function takeFlag(text: string): { name: string; value: string; rest: string } | undefined {
  const [, name, value, rest = ""] = /^--([a-z-]+)=(\S*)\s*([^]*)$/.exec(text) ?? [];
  return name === undefined || value === undefined ? undefined : { name, value, rest };
}
