/**
 * Starts programs out of a process that lives on: posix_spawn(3) with file actions. The caller's descriptors are all close-on-exec and stay so: the mark is
 * taken away in the child alone, so that nothing else that is started at the same moment inherits them.
 */
import { ptr } from "bun:ffi";
import { systemError } from "./errno.ts";
import { openLibc } from "./libc.ts";

const signatures = {
  posix_spawn: { args: ["ptr", "ptr", "ptr", "ptr", "ptr", "ptr"], returns: "i32" },
  posix_spawn_file_actions_init: { args: ["ptr"], returns: "i32" },
  posix_spawn_file_actions_destroy: { args: ["ptr"], returns: "i32" },
  posix_spawn_file_actions_adddup2: { args: ["ptr", "i32", "i32"], returns: "i32" },
  posix_spawn_file_actions_addopen: { args: ["ptr", "i32", "ptr", "i32", "i32"], returns: "i32" },
} as const;

const load = () => openLibc(signatures);
let library: ReturnType<typeof load> | undefined;

const encoder = new TextEncoder();

export interface Spawn {
  readonly path: string;
  readonly argv: readonly string[];
  readonly env: readonly string[];
  /** Open in the child under the same numbers. Its standard input, output and error are /dev/null. */
  readonly fds: readonly number[];
}

/** Gives the process id. */
export function spawnWith({ path, argv, env, fds }: Spawn): number {
  library ??= load();
  const bytes = (text: string): Uint8Array => encoder.encode(`${text}\0`);
  const args = argv.map(bytes);
  const vars = env.map(bytes);
  const list = (texts: readonly Uint8Array[]) =>
    BigUint64Array.from([...texts.map((each) => BigInt(ptr(each))), 0n]);
  const argPointers = list(args);
  const varPointers = list(vars);
  const file = bytes(path);
  const none = bytes("/dev/null");
  const pid = new Int32Array(1);
  // 80 bytes in glibc, less in musl.
  const actions = new Uint8Array(256);
  library.posix_spawn_file_actions_init(ptr(actions));
  try {
    for (const fd of [0, 1, 2]) library.posix_spawn_file_actions_addopen(ptr(actions), fd, ptr(none), 2, 0);
    // The same number twice takes close-on-exec away (glibc 2.29, musl 1.1.20, POSIX.1-2024).
    for (const fd of fds) library.posix_spawn_file_actions_adddup2(ptr(actions), fd, fd);
    const result = library.posix_spawn(
      ptr(pid),
      ptr(file),
      ptr(actions),
      null,
      ptr(argPointers),
      ptr(varPointers),
    );
    if (result !== 0) throw systemError(`start "${path}"`, result);
    return pid[0] as number;
  } finally {
    library.posix_spawn_file_actions_destroy(ptr(actions));
    // Reachable up to here, with what their pointers mean.
    args.length = 0;
    vars.length = 0;
  }
}
