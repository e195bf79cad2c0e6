/** `sampan join` and `sampan reset`. */
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { hostname } from "node:os";
import { join as joinPath } from "node:path";
import { invalid, SampanError } from "../../base/errors.ts";
import { confirm } from "../../cli/confirm.ts";
import { processIo } from "../../cli/process.ts";
import { joinCloud } from "../../fleet/edge/join/join.ts";
import { takeFolder } from "../daemon/lock.ts";
import { print } from "../print.ts";
import { joinFlags, parseWords, resetFlags } from "./flags.ts";
import { joinHelp, resetHelp } from "./help.ts";
import { readEdgeSettings } from "./settings.ts";

export function join(args: readonly string[]): Promise<number> {
  return print(() => {
    const parsed = parseWords(joinFlags, args, { name: "join", most: 16 });
    if (!parsed) return joinHelp();
    const { flags, words } = parsed;
    if (words.length === 0)
      throw invalid("cannot join: no cloud is named; wanted its address, as cloud.example.com:10000");
    const settings = readEdgeSettings(
      { "data-root": flags["data-root"], config: flags.config },
      { env: process.env },
    );
    const token = tokenOf(flags.token, flags["token-file"]);
    const end = stopped();
    return async () => {
      const joined = await joinCloud({
        root: settings.root,
        clouds: words,
        certificatePort: flags["cert-port"] ?? 10_002,
        node: flags["node-name"] ?? nameOfMachine(),
        token,
        force: flags.force,
        now: Date.now(),
        signal: end,
      });
      const what = joined.already ? "has joined already" : "joined";
      return `node ${joined.node} ${what}: ${joined.clouds.join(", ")}\nsampan edge starts it\n`;
    };
  });
}

function nameOfMachine(): string {
  return hostname().toLowerCase();
}

function tokenOf(text: string | undefined, file: string | undefined): string {
  if (text !== undefined && file !== undefined)
    throw invalid("cannot use --token with --token-file: wanted one of them");
  if (text !== undefined) return text;
  if (file === undefined)
    throw invalid("cannot join: wanted --token or --token-file; sampan cloud token prints one");
  try {
    return readFileSync(file === "-" ? 0 : file, "utf8").trim();
  } catch (error) {
    throw SampanError.wrap(`cannot read token "${file}"`, error);
  }
}

function stopped(): AbortSignal {
  const controller = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => controller.abort());
  return controller.signal;
}

/** What an edge has in its data, all of which it makes again after the next join. What else lies there is somebody else's. */
const ours = [
  "keys",
  "joined.json",
  "meta",
  "twin",
  "eventbus",
  "servicebus",
  "dmi",
  "tasks",
  "metaserver",
  "daemon.json",
] as const;

export function reset(args: readonly string[]): Promise<number> {
  return print(() => {
    const parsed = parseWords(resetFlags, args, { name: "reset" });
    if (!parsed) return resetHelp();
    const { flags } = parsed;
    const { root } = readEdgeSettings(
      { "data-root": flags["data-root"], config: flags.config },
      { env: process.env },
    );
    return async () => {
      const found = existsSync(root) ? readdirSync(root) : [];
      const present = ours.filter((name) => found.includes(name));
      if (present.length === 0) return `nothing to remove in ${root}\n`;
      // Nobody may be at work in it, nor begin before it is done.
      using _mine = await takeFolder(root);
      const warning = `This removes the keys of this node and what the cloud sent to it, in ${root}. The cloud keeps the node until it is deleted there.`;
      if (!(await confirm(processIo(), warning, flags.force))) return "nothing was removed\n";
      for (const name of present) rmSync(joinPath(root, name), { recursive: true, force: true });
      return `removed from ${root}: ${present.join(", ")}\n`;
    };
  });
}
