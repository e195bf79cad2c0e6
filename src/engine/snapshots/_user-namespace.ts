/** A user namespace with given ranges, as the descriptor that idmapped mounts are made from. */
import { closeSync, openSync, writeFileSync } from "node:fs";
import { SampanError } from "../../base/errors.ts";
import type { IdRange, Remap } from "./snapshotter.ts";

/** Not the caller's PATH: what is found there under these names would run as root. The last one is NixOS's. */
const systemPrograms = "/usr/bin:/bin:/usr/sbin:/sbin:/run/current-system/sw/bin";

/**
 * Only a process of one thread can make one, so unshare(1) does; cat(1) in it holds it until its input ends, and by its answer tells that the namespace is made.
 * Errors: `unimplemented` where there is no such program or no user namespace.
 */
export async function withUserNamespace<Result>(
  remap: Remap,
  use: (descriptor: number) => Result,
): Promise<Result> {
  const [unshare, cat] = ["unshare", "cat"].map((name) => Bun.which(name, { PATH: systemPrograms }));
  if (!unshare || !cat)
    throw new SampanError("unimplemented", "cannot make a user namespace: there is no program unshare");
  await using child = Bun.spawn([unshare, "--user", cat], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "pipe",
    timeout: 10_000,
  });
  await child.stdin.write("\n");
  await child.stdin.flush();
  const { done } = await child.stdout.getReader().read();
  if (done)
    throw new SampanError(
      "unimplemented",
      `cannot make a user namespace: ${(await child.stderr.text()).trim()}`,
    );
  writeFileSync(`/proc/${child.pid}/uid_map`, lines(remap.uids));
  writeFileSync(`/proc/${child.pid}/gid_map`, lines(remap.gids));
  const descriptor = openSync(`/proc/${child.pid}/ns/user`, "r");
  try {
    return use(descriptor);
  } finally {
    closeSync(descriptor);
    await child.stdin.end();
    await child.exited;
  }
}

const lines = (ranges: readonly IdRange[]) =>
  ranges.map(({ containerID, hostID, size }) => `${containerID} ${hostID} ${size}\n`).join("");
