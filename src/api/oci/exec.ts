/** sampan runtime exec: a process from a file (--process) or from flags, with the container's own process as the fallback. */
import { invalid, SampanError } from "../../base/errors.ts";
import { absolute, readTextIfThere } from "../../runtime/native/caller.ts";
import type { OciConfig, OciProcess } from "../../spec/oci/config.ts";
import { parseDocument } from "../../spec/oci/parse.ts";
import { validateProcess } from "../../spec/oci/validate.ts";
import { exec } from "../../runtime/native/exec.ts";
import { loadState } from "../../runtime/native/state.ts";
import { listenFds } from "./_create-request.ts";
import { parseUser } from "./_user.ts";
import { parseFlags, type Flags } from "./flags.ts";
import type { Command, CommandContext } from "./main.ts";

export const flags = {
  "console-socket": { kind: "text", value: "PATH", help: "unix socket that gets the terminal's master" },
  "pidfd-socket": { kind: "text", value: "PATH", help: "unix socket that gets a pidfd of the process" },
  cwd: { kind: "text", value: "DIR", help: "working directory in the container" },
  env: { kind: "list", short: "e", value: "NAME=VALUE", help: "add to the environment" },
  tty: { kind: "yes", short: "t", help: "allocate a terminal" },
  user: { kind: "text", short: "u", value: "UID[:GID]", help: "user and group, as numbers" },
  "additional-gids": { kind: "list", short: "g", value: "GID", help: "further groups" },
  process: { kind: "text", short: "p", value: "FILE", help: "the process as JSON (process of config.json)" },
  detach: { kind: "yes", short: "d", help: "do not wait for the process" },
  "pid-file": { kind: "text", value: "FILE", help: "write the process id to FILE" },
  "process-label": { kind: "text", value: "LABEL", help: "SELinux label" },
  apparmor: { kind: "text", value: "PROFILE", help: "AppArmor profile" },
  "no-new-privs": { kind: "yes", help: "set no_new_privs" },
  cap: { kind: "list", short: "c", value: "CAP", help: "add a capability" },
  "preserve-fds": { kind: "number", value: "N", help: "pass N further descriptors (3 and up)" },
  cgroup: { kind: "list", value: "[CONTROLLER:]PATH", help: "run in a cgroup below the container's" },
  "ignore-paused": { kind: "yes", help: "allow it in a paused container" },
  "no-subreaper": { kind: "yes", help: "do not reap processes whose parents ended" },
} as const;

/** A process that could not be started is status 255, as with runc: 1 could be its own. */
export const command: Command = async (context) => {
  const { flags: given, words } = parseFlags(flags, context.args);
  if ((words[0] ?? "") === "") throw invalid('sampan runtime: "exec" requires a minimum of 1 argument');
  try {
    return await execAs(context, given, words);
  } catch (error) {
    context.logger.log("error", `sampan runtime exec failed: ${SampanError.from(error).message}`);
    return 255;
  }
};

async function execAs(
  { runtime }: CommandContext,
  given: Flags<typeof flags>,
  [id = "", ...argv]: readonly string[],
): Promise<number> {
  const { spec } = loadState(runtime.root, id);
  const listen = listenFds();
  const socket = given["console-socket"];
  await exec(runtime, {
    id,
    process: given.process === undefined ? fromFlags(spec, given, argv) : fromFile(given.process),
    detach: given.detach,
    ignorePaused: given["ignore-paused"],
    preserveFds: (given["preserve-fds"] ?? 0) + listen.count,
    noSubreaper: given["no-subreaper"],
    environment: listen.environment,
    cgroup: cgroups(given.cgroup),
    ...(socket && { console: { path: absolute(socket) } }),
    ...(given["pid-file"] && { pidFile: absolute(given["pid-file"]) }),
    ...(given["pidfd-socket"] && { pidfdSocket: absolute(given["pidfd-socket"]) }),
  });
  return 0;
}

function fromFile(path: string): OciProcess {
  const text = readTextIfThere(path);
  if (text === undefined)
    throw new SampanError(
      "not_found",
      `cannot read --process "${path}": open ${path}: no such file or directory`,
    );
  return validateProcess(parseDocument(text, path));
}

/** The container's process with other arguments; what belongs to its terminal and its start is not taken over. */
function fromFlags(spec: OciConfig, given: Flags<typeof flags>, argv: readonly string[]): OciProcess {
  if (argv.length === 0) throw invalid("process args cannot be empty");
  const base = spec.process;
  const extra = given.cap.map((name) => name.toUpperCase());
  const caps = base.capabilities;
  const added = (set: string[] | undefined): string[] => [...new Set([...(set ?? []), ...extra])];
  return {
    ...base,
    terminal: given.tty,
    args: [...argv],
    env: [...(base.env ?? []), ...given.env],
    cwd: given.cwd ?? base.cwd,
    ...(given["process-label"] && { selinuxLabel: given["process-label"] }),
    ...(given.apparmor && { apparmorProfile: given.apparmor }),
    noNewPrivileges: given["no-new-privs"] || (base.noNewPrivileges ?? false),
    ...(extra.length > 0 && {
      capabilities: {
        ...caps,
        bounding: added(caps?.bounding),
        effective: added(caps?.effective),
        permitted: added(caps?.permitted),
        // Only what is inheritable can be ambient; without it a user other than root would lose the capability at execve.
        ambient: [...(caps?.ambient ?? []), ...extra.filter((name) => caps?.inheritable?.includes(name))],
      },
    }),
    user: {
      ...base.user,
      ...(given.user !== undefined && parseUser(given.user)),
      additionalGids: [...(base.user?.additionalGids ?? []), ...given["additional-gids"].map(groupId)],
    },
  };
}

function groupId(text: string): number {
  return parseUser(`0:${text}`).gid ?? 0;
}

function cgroups(list: readonly string[]): Record<string, string> {
  const result: Record<string, string> = {};
  for (const entry of list) {
    const [controllers, path] = entry.includes(":")
      ? [entry.slice(0, entry.indexOf(":")), entry.slice(entry.indexOf(":") + 1)]
      : ["", entry];
    if (path.split("/").includes(".."))
      throw invalid(`cannot use --cgroup "${entry}": it leaves the container's cgroup`);
    for (const controller of controllers.split(",")) result[controller] = path;
  }
  return result;
}
