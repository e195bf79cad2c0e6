/** The command line of runc: global flags, then a command; each command is a file of its own, loaded when it is called. */
import { SampanError } from "../../base/errors.ts";
import { absolute, callerIsRoot, real } from "../../runtime/native/caller.ts";
import type { RuntimeContext } from "../../runtime/native/create.ts";
import { parseFlags, type Flags } from "./flags.ts";
import { createLogger, print, type Logger } from "./log.ts";

export const globalFlags = {
  debug: { kind: "yes", help: "write debug lines to the log" },
  log: { kind: "text", value: "FILE", help: "write the log to FILE instead of standard error" },
  "log-format": { kind: "text", value: "text|json", help: "format of the log" },
  root: { kind: "text", value: "DIR", help: "folder of the containers' state" },
  "systemd-cgroup": {
    kind: "yes",
    help: "let systemd make the control groups (cgroupsPath is slice:prefix:name)",
  },
  rootless: { kind: "text", value: "true|false|auto", help: "behave as for an ordinary user" },
  criu: { kind: "text", value: "PATH", help: "accepted and unused, as in runc" },
  version: { kind: "yes", short: "v", help: "print the version" },
  help: { kind: "yes", short: "h", help: "show help" },
} as const;

/** What a command is given; it returns the exit status, or throws. */
export interface CommandContext {
  readonly runtime: RuntimeContext;
  readonly logger: Logger;
  readonly args: readonly string[];
}

export type Command = (context: CommandContext) => Promise<number>;

/** Loaded by name, so that a part loads only what it needs. */
export const commands: Readonly<Record<string, () => Promise<{ command: Command }>>> = {
  create: () => import("./create.ts"),
  start: () => import("./start.ts"),
  run: () => import("./run.ts"),
  exec: () => import("./exec.ts"),
  state: () => import("./state.ts"),
  kill: () => import("./kill.ts"),
  delete: () => import("./delete.ts"),
  list: () => import("./list.ts"),
  ps: () => import("./ps.ts"),
  pause: () => import("./pause.ts"),
  resume: () => import("./resume.ts"),
  update: () => import("./update.ts"),
  events: () => import("./events.ts"),
  spec: () => import("./spec.ts"),
  features: () => import("./features.ts"),
  explain: () => import("./explain.ts"),
  checkpoint: () => import("./checkpoint.ts"),
  restore: () => import("./restore.ts"),
};

function isRootless(flag: string | undefined): boolean {
  if (flag === "true") return true;
  return flag !== "false" && !callerIsRoot();
}

/** --root, or where the containers of this user are; absolute, as everything that is derived from it is kept. */
function rootOf(flag: string | undefined, rootless: boolean): string {
  const runtimeDir = process.env["XDG_RUNTIME_DIR"];
  const path = flag ?? (rootless && runtimeDir ? `${runtimeDir}/sampan/runtime` : "/run/sampan/runtime");
  return real(path) ?? absolute(path);
}

function runtimeContext(flags: Flags<typeof globalFlags>, logger: Logger): RuntimeContext {
  const rootless = isRootless(flags.rootless);
  return {
    root: rootOf(flags.root, rootless),
    rootless,
    systemdCgroup: flags["systemd-cgroup"],
    warn: (text) => logger.log("warning", text),
  };
}

/** Runs one command line (without the program's name) and gives the exit status. Errors are logged here, once. */
export async function main(args: readonly string[]): Promise<number> {
  let logger = createLogger({ path: undefined, format: "text", debug: false });
  let name = "";
  try {
    const { flags, words } = parseFlags(globalFlags, args);
    const format = flags["log-format"] ?? "text";
    if (format !== "text" && format !== "json")
      throw new SampanError("invalid_argument", `cannot use --log-format "${format}": wanted text or json`);
    const fileOnly = process.env["SAMPAN_RUNTIME_ERRORS"] === "log";
    logger = createLogger({ path: flags.log, format, debug: flags.debug, fileOnly });
    name = words[0] ?? "";
    if (flags.version) return await printVersion();
    if (flags.help || name === "" || name === "help") return await printHelp(words[1]);
    const load = Object.hasOwn(commands, name) ? commands[name] : undefined;
    if (!load) {
      logger.log("error", `No help topic for '${name}'`);
      return 3;
    }
    if (asksForHelp(name, words)) return await printHelp(name);
    const { command } = await load();
    return await command({ runtime: runtimeContext(flags, logger), logger, args: words.slice(1) });
  } catch (error) {
    const { message } = SampanError.from(error);
    logger.log("error", name === "" ? message : `sampan runtime ${name} failed: ${message}`);
    return 1;
  }
}

/** `exec ID ls -h` and `ps ID -h` ask another program for help. */
function asksForHelp(name: string, words: readonly string[]): boolean {
  const own = name === "exec" || name === "ps" ? words.slice(1, 2) : words;
  return own.includes("--help") || own.includes("-h");
}

async function printVersion(): Promise<number> {
  const { versionText } = await import("./version.ts");
  print(versionText());
  return 0;
}

async function printHelp(topic: string | undefined): Promise<number> {
  const { helpText } = await import("./help.ts");
  print(helpText(topic));
  return 0;
}
