/** The program nft: one transaction on its standard input, or a list as JSON. */
import { SampanError } from "../../base/errors.ts";
import type { Listed } from "./_ruleset.ts";

const patience = 20_000;

/** Executes the commands as one transaction. Errors: `failed_precondition` without nft or kernel support, `deadline_exceeded`. */
export async function nft(commands: string): Promise<void> {
  await run(["-f", "-"], commands);
}

/** Undefined when there is no such table. */
export async function listTable(table: string): Promise<Listed | undefined> {
  const tables = JSON.parse(await run(["-j", "list", "tables", "inet"], "")) as Listed;
  if (!tables.nftables.some((each) => each["table"]?.name === table)) return undefined;
  return JSON.parse(await run(["-j", "list", "table", "inet", table], "")) as Listed;
}

async function run(args: readonly string[], input: string): Promise<string> {
  const path = Bun.which("nft") ?? Bun.which("nft", { PATH: "/usr/sbin:/sbin:/usr/bin" });
  if (!path)
    throw new SampanError(
      "failed_precondition",
      "cannot set the rules of networks: the program nft is not there, wanted the package nftables",
    );
  const child = Bun.spawn([path, ...args], {
    stdin: new TextEncoder().encode(input),
    stdout: "pipe",
    stderr: "pipe",
    timeout: patience,
    killSignal: "SIGKILL",
  });
  const [output, said, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  if (code === 0) return output;
  if (child.signalCode !== null)
    throw new SampanError(
      "deadline_exceeded",
      `cannot set the rules of networks: nft was ended by ${child.signalCode}`,
    );
  throw new SampanError(
    "failed_precondition",
    `cannot set the rules of networks: nft says: ${said.trim().split("\n").slice(0, 2).join(" ").slice(0, 500)}`,
  );
}
