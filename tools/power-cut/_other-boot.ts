/** Started in a mount namespace of its own: gives the kernel's boot id another content there, then runs the command. */
const [file = "", ...command] = process.argv.slice(2);
const mounted = Bun.spawnSync(["mount", "--bind", file, "/proc/sys/kernel/random/boot_id"], {
  stdout: "inherit",
  stderr: "inherit",
});
if (mounted.exitCode !== 0) process.exit(125);
const child = Bun.spawnSync(command, { stdin: "inherit", stdout: "inherit", stderr: "inherit" });
process.exit(child.exitCode);
