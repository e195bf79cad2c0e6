/** The command line that deletes a container: for the launcher to run when a foreground container has ended whose clean-up needs this program. */
import type { RuntimeContext } from "./create.ts";

export interface Deletion {
  readonly path: string;
  readonly argv: readonly string[];
  readonly env: readonly string[];
  /** What makes it necessary. */
  readonly why: string;
}

export function deletionOf(
  { root, rootless, systemdCgroup }: RuntimeContext,
  id: string,
  why: string,
): Deletion {
  const script = Bun.main.startsWith("/$bunfs/") ? [] : [Bun.main];
  const flags = [
    "--root",
    root,
    "--rootless",
    String(rootless),
    ...(systemdCgroup ? ["--systemd-cgroup"] : []),
  ];
  const env = Object.entries(process.env).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${value}`],
  );
  return {
    path: process.execPath,
    argv: ["sampan", ...script, "runtime", ...flags, "delete", "--force", id],
    env,
    why,
  };
}
