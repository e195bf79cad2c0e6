/** The help texts: data in a table, flags from each command's own table. */
import { SampanError } from "../../base/errors.ts";
import * as checkpoint from "./checkpoint.ts";
import * as create from "./create.ts";
import * as deleteCommand from "./delete.ts";
import * as events from "./events.ts";
import * as exec from "./exec.ts";
import * as explain from "./explain.ts";
import * as features from "./features.ts";
import type { FlagSpec, FlagTable } from "./flags.ts";
import * as kill from "./kill.ts";
import * as list from "./list.ts";
import { globalFlags } from "./main.ts";
import * as pause from "./pause.ts";
import * as ps from "./ps.ts";
import * as restore from "./restore.ts";
import * as resume from "./resume.ts";
import * as run from "./run.ts";
import * as spec from "./spec.ts";
import * as start from "./start.ts";
import * as state from "./state.ts";
import * as update from "./update.ts";

export interface Topic {
  /** One line for the list of commands. */
  readonly does: string;
  /** What follows the command's name and its flags. */
  readonly words: string;
  readonly example: string;
  readonly flags: FlagTable;
}

export const topics: Readonly<Record<string, Topic>> = {
  create: {
    does: "make a container, up to the point where its process waits for start",
    words: "ID",
    example: "create --bundle /bundles/web web1",
    flags: create.flags,
  },
  start: {
    does: "let a created container's process go on",
    words: "ID",
    example: "start web1",
    flags: start.flags,
  },
  run: {
    does: "create and start a container, and wait for it",
    words: "ID",
    example: "run --bundle /bundles/web web1",
    flags: run.flags,
  },
  exec: {
    does: "start a further process in a running container",
    words: "ID COMMAND [ARGUMENT…]",
    example: "exec --env LANG=C web1 ls -l /",
    flags: exec.flags,
  },
  state: {
    does: "print a container's state as JSON",
    words: "ID",
    example: "state web1",
    flags: state.flags,
  },
  kill: {
    does: "send a signal (default: TERM) to a container's first process",
    words: "ID [SIGNAL]",
    example: "kill web1 KILL",
    flags: kill.flags,
  },
  delete: {
    does: "remove all that a stopped container has on the host",
    words: "ID",
    example: "delete --force web1",
    flags: deleteCommand.flags,
  },
  list: {
    does: "print the containers below --root",
    words: "",
    example: "list --format json",
    flags: list.flags,
  },
  ps: {
    does: "print the processes of a container",
    words: "ID [OPTIONS OF ps]",
    example: "ps web1 -o pid,rss,args",
    flags: ps.flags,
  },
  pause: {
    does: "stop all processes of a container for a while",
    words: "ID",
    example: "pause web1",
    flags: pause.flags,
  },
  resume: { does: "let a paused container go on", words: "ID", example: "resume web1", flags: resume.flags },
  update: {
    does: "change the limits of a container",
    words: "ID",
    example: "update --memory 64m --pids-limit 100 web1",
    flags: update.flags,
  },
  events: {
    does: "print a container's counters and what happens to its memory, a JSON document a line",
    words: "ID",
    example: "events --stats web1",
    flags: events.flags,
  },
  spec: {
    does: "write a config.json to start from",
    words: "",
    example: "spec --bundle /bundles/web",
    flags: spec.flags,
  },
  features: {
    does: "print what this runtime can do as JSON",
    words: "",
    example: "features",
    flags: features.flags,
  },
  explain: {
    does: "print what create does to the kernel, in order, and which field of config.json asks for it",
    words: "",
    example: "explain --bundle /bundles/web",
    flags: explain.flags,
  },
  checkpoint: {
    does: "not there yet: it answers with an error",
    words: "ID",
    example: "checkpoint --image-path /images/web1 web1",
    flags: checkpoint.flags,
  },
  restore: {
    does: "not there yet: it answers with an error",
    words: "ID",
    example: "restore --image-path /images/web1 web1",
    flags: restore.flags,
  },
  help: {
    does: "print this list, or the help of one command",
    words: "[COMMAND]",
    example: "help run",
    flags: {},
  },
};

/** The list of commands, or one command's usage. Errors: `not_found` for a topic that is not there. */
export function helpText(topic?: string): string {
  if (topic === undefined) return overview();
  const entry = Object.hasOwn(topics, topic) ? topics[topic] : undefined;
  if (entry) return oneTopic(topic, entry);
  throw new SampanError("not_found", `No help topic for '${topic}'`);
}

function overview(): string {
  return [
    "sampan runtime: an OCI runtime with runc's command line\n\n",
    "Usage:\n  sampan runtime [global flags] COMMAND [flags] [arguments]\n\n",
    "Commands:\n",
    twoColumns(Object.entries(topics).map(([name, { does }]) => [name, does])),
    "\nGlobal flags:\n",
    flagLines(globalFlags),
  ].join("");
}

function oneTopic(name: string, { does, words, example, flags }: Topic): string {
  const some = Object.keys(flags).length > 0;
  const usage = ["sampan runtime", name, some ? "[flags]" : "", words]
    .filter((word) => word !== "")
    .join(" ");
  return [
    `sampan runtime ${name}: ${does}\n\n`,
    `Usage:\n  ${usage}\n`,
    some ? `\nFlags:\n${flagLines(flags)}` : "",
    `\nExample:\n  sampan runtime ${example}\n`,
  ].join("");
}

function flagLines(flags: FlagTable): string {
  return twoColumns(Object.entries(flags).map(([name, spec]) => [flagName(name, spec), spec.help]));
}

function flagName(name: string, { short, value }: FlagSpec): string {
  const long = value === undefined ? `--${name}` : `--${name} ${value}`;
  return short === undefined ? `    ${long}` : `-${short}, ${long}`;
}

function twoColumns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length)) + 2;
  return rows.map(([left, right]) => `  ${left.padEnd(width)}${right}\n`).join("");
}
