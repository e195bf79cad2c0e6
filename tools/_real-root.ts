/**
 * In a chroot the kernel makes no user namespaces (user_namespaces(7), EPERM), so a test run there would have to leave out a good part. As root it
 * makes the chroot a root of its own instead: in a copy of the mount namespace the folder becomes the root by pivot_root(2), and the run begins again.
 * The launcher does it, as it does for every container; nothing outside of the copy is changed.
 */
import { CLONE, MNT_DETACH, O } from "../src/kernel/linux.ts";
import { becomeLauncher } from "../src/runtime/native/launch.ts";
import { op, slot, type Plan } from "../src/runtime/native/plan/operations.ts";

const mark = "SAMPAN_TEST_ROOT";

function makesUserNamespaces(): boolean {
  return Bun.spawnSync(["unshare", "--user", "true"], { stdout: "ignore", stderr: "ignore" }).exitCode === 0;
}

function plan(argv: readonly string[], env: readonly string[]): Plan {
  const why = "the test run";
  const directory = O.RDONLY | O.DIRECTORY;
  return {
    parent: [
      op("unshare", { flags: CLONE.NEWNS }, why),
      op("open", { path: "/", flags: directory, out: slot.root }, why),
      op("open", { path: "/proc/self/ns/mnt", flags: O.RDONLY, out: slot.child }, why),
      // To enter the namespace that one is in leads to its root, out of the chroot (setns(2)).
      op("setns", { slot: slot.child, type: CLONE.NEWNS }, why),
      op("fchdir", { slot: slot.root }, why),
      op("pivot_root", {}, why),
      op("umount", { path: ".", flags: MNT_DETACH }, why),
      op("chroot", { path: "." }, why),
      op("chdir", { path: process.cwd() }, why),
      op("reset_signals", {}, why),
      op("find_exec", { name: argv[0] ?? "", path: "" }, why),
      op("exec", { argv, env }, why),
    ],
    middle: [],
    init: [],
  };
}

/** Returns where nothing is to be done; else this process begins again with a root of its own. */
export async function takeRealRoot(): Promise<void> {
  if (process.getuid?.() !== 0 || process.env[mark] !== undefined || makesUserNamespaces()) return;
  console.log(
    "test: in a chroot there are no user namespaces; going on with it as the root of a mount namespace",
  );
  const env = Object.entries({ ...process.env, [mark]: "own" }).map(([name, value]) => `${name}=${value}`);
  await becomeLauncher(plan([process.execPath, ...process.argv.slice(1)], env));
}
