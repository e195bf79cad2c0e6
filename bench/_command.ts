/** Commands that are not timed themselves. */

/** What a command writes. Throws when it fails. */
export async function output(command: readonly string[], input = ""): Promise<string> {
  const child = Bun.spawn([...command], { stdin: Buffer.from(input), stdout: "pipe", stderr: "inherit" });
  const text = await new Response(child.stdout).text();
  if ((await child.exited) !== 0) throw new Error(`${command.join(" ")} failed with ${child.exitCode}`);
  return text;
}

/** Undefined when the command goes well, else the last line that it wrote. A command that hangs is ended. */
export async function tried(command: readonly string[]): Promise<string | undefined> {
  const child = Bun.spawn([...command], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
    timeout: 20_000,
  });
  const text = await new Response(child.stderr).text();
  if ((await child.exited) === 0) return undefined;
  return text.trim().split("\n").at(-1) || `ends with ${child.signalCode ?? child.exitCode}`;
}

/** A static program from C, in `folder`. */
export async function build(folder: string, source: string): Promise<string> {
  const program = `${folder}/${source.replace(/^.*\//, "").replace(/\.c$/, "")}`;
  await output(["gcc", "-O2", "-static", "-Wall", "-Wextra", "-Werror", "-o", program, source]);
  return program;
}
