/** A failed operation as a sentence: which field of config.json asked for it, what was tried, and what the kernel said. */
import { SampanError } from "../../base/errors.ts";
import { describeErrno, errno, systemError } from "../../kernel/errno.ts";
import type { Operation, Plan, Stage } from "./plan/operations.ts";

export interface Failure {
  readonly stage: Stage;
  readonly index: number;
  readonly errno: number;
  readonly detail: string;
}

/** `hookOutput` is what the hooks and helper programs wrote. */
export function failureOf(plan: Plan, failure: Failure, hookOutput: string): SampanError {
  const operation = plan[failure.stage]?.[failure.index];
  if (!operation)
    return new SampanError(
      "internal",
      `cannot run the plan: ${failure.stage} failed at ${failure.index}, errno ${failure.errno}`,
    );
  const special = specialOf(operation, failure, hookOutput);
  if (special) return special;
  const { text } = describeErrno(failure.errno);
  const kernel = failure.detail === "" ? text : `${text} (${failure.detail.replace(/^[ewi] /, "").trim()})`;
  return new SampanError(
    systemError("", failure.errno).code,
    `cannot ${doing(operation)} for ${operation.why}: ${kernel}`,
  );
}

const quoted = (value: unknown): string => `"${String(value)}"`;

/** What an operation does, after "cannot"; the rest are named as they are. */
const phrases: Readonly<Record<string, (args: Operation["args"]) => string>> = {
  open: ({ path }) => `open ${quoted(path)}`,
  mkdir: ({ path }) => `make folder ${quoted(path)}`,
  write: ({ path, data }) =>
    `write ${quoted(typeof data === "string" ? data.trim() : "…")} to ${quoted(path)}`,
  write_pid: ({ path }) => `write the process to ${quoted(path)}`,
  symlink: ({ path }) => `make link ${quoted(path)}`,
  mknod: ({ path }) => `make device ${quoted(path)}`,
  chown: ({ path, uid }) => `give ${quoted(path)} to user ${String(uid)}`,
  mount_point: ({ path }) => `use ${quoted(path)} as a place to mount on`,
  open_tree: ({ path }) => (path ? `open ${quoted(path)} for mounting` : "clone a mount"),
  fsopen: ({ type }) => `use file system ${quoted(type)}`,
  fsconfig: ({ key, value }) =>
    key
      ? `set mount option ${quoted(value ? `${String(key)}=${String(value)}` : key)}`
      : "make the file system",
  mount: ({ source, type, target }) => `mount ${quoted(source ?? target)}${type ? ` (${String(type)})` : ""}`,
  mount_setattr: () => "set the mount's flags",
  move_mount: () => "attach the mount",
  mask_path: ({ path }) => `mask ${quoted(path)}`,
  clone: () => "make the process",
  setns: () => "join the namespace",
  chdir: ({ path }) => `chdir to cwd ${quoted(path)}`,
  check_cwd: () => "use the working directory, which is outside the container's root",
  check_fd: ({ fd }) => `preserve descriptor ${String(fd)}`,
  setrlimit: () => "set the limit",
  prctl: () => "call prctl",
  capset: () => "apply the capabilities",
  connect: ({ path }) => `connect to ${quoted(path)}`,
  seccomp: () => "load the filter",
  pty: () => "make a terminal",
  carry_log: ({ path }) => `open log ${quoted(path)}`,
  carry: () => "take the process over",
};

function doing(operation: Operation): string {
  return phrases[operation.name]?.(operation.args) ?? operation.name.replaceAll("_", " ");
}

function specialOf(operation: Operation, failure: Failure, hookOutput: string): SampanError | undefined {
  if (operation.name === "find_exec" || operation.name === "exec")
    return missingProgram(operation, failure.errno);
  if (operation.name === "hook" || operation.name === "run")
    return failedProgram(operation, failure, hookOutput);
  if (operation.name === "receive" && failure.errno === errno.EPIPE) {
    return new SampanError(
      "unknown",
      "cannot create the container: its first process died while it was being set up",
    );
  }
  if (operation.name === "mount_point" && failure.errno === errno.EPERM) {
    return new SampanError(
      "permission_denied",
      `cannot use ${operation.why} ${quoted(operation.args["path"])}: nothing may be mounted inside /proc`,
    );
  }
  if (
    operation.name === "mount_point" &&
    (failure.errno === errno.ENOTDIR || failure.errno === errno.ELOOP)
  ) {
    return new SampanError(
      "invalid_argument",
      `cannot use ${operation.why} ${quoted(operation.args["path"])}: it must be mounted on ordinary directory, not a link or a file`,
    );
  }
  return undefined;
}

/** The words that callers of runc look for (docker turns them into its exit codes 126 and 127). */
function missingProgram(operation: Operation, number: number): SampanError {
  const name = String(
    operation.args["name"] ?? (operation.args["argv"] as readonly string[] | undefined)?.[0] ?? "",
  );
  const absent = number === errno.ENOENT && !name.includes("/");
  const text = absent ? "executable file not found in $PATH" : describeErrno(number).text;
  const code = systemError("", number).code;
  return new SampanError(
    code,
    `exec: ${quoted(name)}: ${absent ? text : `stat ${name}: ${text}`}`.replace("stat : ", ""),
  );
}

function failedProgram(operation: Operation, failure: Failure, output: string): SampanError {
  const [, kind, index] = /^hooks\.(\w+)\[(\d+)\]$/.exec(operation.why) ?? [];
  const name =
    kind === undefined
      ? `running ${quoted(operation.args["path"])} for ${operation.why}`
      : `running ${kind} hook #${index}`;
  const how =
    failure.errno === errno.ETIMEDOUT
      ? "it did not end within its timeout"
      : failure.detail || describeErrno(failure.errno).text;
  const said = output.trim();
  return new SampanError(
    "unknown",
    `error ${name}: ${how}${said === "" ? "" : `, stdout and stderr: ${said}`}`,
  );
}
