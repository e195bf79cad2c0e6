/** A small file system for a test. */
export function mountAt(folder: string, options: string): void {
  run(["mount", "-t", "tmpfs", "-o", options, "sampan-test", folder]);
}

export function unmount(folder: string): void {
  run(["umount", folder]);
}

function run(words: string[]): void {
  const { exitCode, stderr } = Bun.spawnSync(words);
  if (exitCode !== 0) throw new Error(`${words.join(" ")}: ${String(stderr)}`);
}
