/** The sample application's image: Debian's busybox, mosquitto's clients with the libraries that they are linked to, and app.sh. */
import { chmodSync, cpSync, mkdirSync, realpathSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";

const programs = ["/usr/bin/mosquitto_sub", "/usr/bin/mosquitto_pub"];
const applets = ["sh", "awk", "echo", "cat", "ls", "ps"];

function said(argv: readonly string[]): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync([...argv], { stdin: "ignore" });
  if (exitCode !== 0)
    throw new Error(`"${argv.join(" ")}" ended with ${exitCode}: ${stderr.toString().trim()}`);
  return stdout.toString();
}

/** Files that the loader would find, by their own names; with the loader itself. */
function librariesOf(program: string): string[] {
  return said(["ldd", program])
    .split("\n")
    .flatMap((line) => /(?:=> )?(\/\S+) \(0x/.exec(line)?.[1] ?? []);
}

/** Resolves with the path of a tar archive of its root file system. */
export function makeLayer(folder: string): string {
  const tree = join(folder, "tree");
  for (const name of ["bin", "etc", "tmp", "proc", "sys", "dev"])
    mkdirSync(join(tree, name), { recursive: true });
  cpSync("/bin/busybox", join(tree, "bin/busybox"), { dereference: true });
  for (const name of applets) symlinkSync("busybox", join(tree, "bin", name));
  for (const path of new Set([...programs, ...programs.flatMap(librariesOf)])) {
    const target = join(tree, path);
    mkdirSync(dirname(target), { recursive: true });
    cpSync(realpathSync(path), target);
  }
  cpSync(join(import.meta.dir, "app.sh"), join(tree, "bin/app"));
  chmodSync(join(tree, "bin/app"), 0o755);
  const archive = join(folder, "app.tar");
  said(["tar", "-C", tree, "--sort=name", "--owner=0", "--group=0", "--numeric-owner", "-cf", archive, "."]);
  return archive;
}
