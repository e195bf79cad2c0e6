/**
 * `make setup`, the part after npm: installs the Debian packages of tools/packages.txt that are missing, and unpacks (not installs) a
 * Debian kernel for the VM rung into build/vm. Where that is not allowed or not possible it says what is missing and ends well:
 * the tests that need it skip and give the reason.
 *
 * Usage: bun tools/setup.ts --stamp FILE. The stamp is written only when nothing is missing, so that the next call tries again.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parsePackages } from "./_packages.ts";

const environment = { ...process.env, DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C.UTF-8" };
const policy = "/usr/sbin/policy-rc.d";

interface Outcome {
  readonly ok: boolean;
  readonly output: string;
}

function run(command: readonly string[], cwd = "."): Outcome {
  if (!Bun.which(command[0] ?? "")) return { ok: false, output: `${command[0]} is not installed` };
  const done = Bun.spawnSync([...command], { cwd, env: environment, stdin: "ignore" });
  return { ok: done.success, output: done.stdout.toString() + done.stderr.toString() };
}

function missingOf(packages: readonly string[]): string[] {
  const { output } = run(["dpkg-query", "-W", "-f=${db:Status-Abbrev} ${Package}\\n", ...packages]);
  const installed = new Set(output.matchAll(/^ii\s+(\S+)$/gm).map((match) => match[1]));
  return packages.filter((name) => !installed.has(name));
}

/** Installs what it can: all at once, and where that fails one by one, so that one unknown name costs only itself. */
function install(packages: readonly string[]): string {
  const update = run(["apt-get", "update", "-qq"]);
  if (!update.ok) return update.output;
  const guard = !existsSync(policy);
  // Packages of daemons would start them; the tests start their own.
  if (guard) writeFileSync(policy, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  try {
    const base = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "--no-upgrade"];
    if (run([...base, ...packages]).ok) return "";
    return packages
      .map((name) => run([...base, name]))
      .filter((one) => !one.ok)
      .map((one) => one.output)
      .join("");
  } finally {
    if (guard) rmSync(policy, { force: true });
  }
}

/** build/vm/{vmlinuz,modules}: the newest kernel that Debian's cloud image package depends on. */
function unpackKernel(): string {
  const place = "build/vm";
  if (existsSync(join(place, "vmlinuz"))) return "";
  if (process.arch !== "x64") return "the VM rung is for x64";
  const depends = run(["apt-cache", "depends", "linux-image-cloud-amd64"]).output;
  const image = /Depends: (linux-image-\S+)/.exec(depends)?.[1];
  if (!image) return "apt-cache knows no linux-image-cloud-amd64";
  const scratch = join(place, "unpacked");
  rmSync(scratch, { recursive: true, force: true });
  mkdirSync(scratch, { recursive: true });
  const download = run(["apt-get", "download", "-qq", image], scratch);
  if (!download.ok) return download.output;
  const unpack = run(["bash", "-c", "dpkg-deb -x ./*.deb . && rm ./*.deb"], scratch);
  if (!unpack.ok) return unpack.output;
  const version = image.replace("linux-image-", "");
  const move = run([
    "bash",
    "-c",
    `rm -rf ${place}/modules && mv ${scratch}/lib/modules/${version} ${place}/modules && mv ${scratch}/boot/vmlinuz-${version} ${place}/vmlinuz && rm -rf ${scratch}`,
  ]);
  return move.ok ? "" : move.output;
}

function main(): void {
  const stamp = process.argv[process.argv.indexOf("--stamp") + 1];
  if (!stamp) throw new Error("usage: bun tools/setup.ts --stamp FILE");
  const packages = parsePackages(readFileSync("tools/packages.txt", "utf8"));
  const missing = missingOf(packages.map((one) => one.name));
  let trouble = "";
  if (missing.length > 0 && process.getuid?.() !== 0) trouble = "only root can install packages\n";
  else if (missing.length > 0) {
    console.log(`setup: installing ${missing.join(" ")}`);
    trouble = install(missing);
  }
  const left = missingOf(missing);
  const kernel = unpackKernel();
  if (left.length > 0) {
    console.log(`setup: not installed, so the tests that need them are skipped:\n${trouble.trimEnd()}`);
    for (const { name, why } of packages.filter((one) => left.includes(one.name)))
      console.log(`  ${name}: ${why}`);
  }
  if (kernel) console.log(`setup: no kernel for the VM rung, so its tests are skipped: ${kernel.trimEnd()}`);
  if (left.length > 0 || kernel) return;
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, "");
}

main();
