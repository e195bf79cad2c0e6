/** `sampan login`. */
import { invalid, SampanError } from "../../base/errors.ts";
import { define } from "../command.ts";
import type { Input, Io } from "../io.ts";
import { serverOf } from "./_server.ts";

/** A token may be long; a whole file given by mistake is refused. */
const longest = 64 * 1024;

async function fromInput(input: Input): Promise<string> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const bytes of input.bytes()) {
    parts.push(bytes);
    size += bytes.length;
    if (size > longest) throw invalid(`cannot read the password: it has more than ${longest} bytes`);
  }
  return Buffer.concat(parts)
    .toString("utf8")
    .replace(/\r?\n$/, "");
}

async function question(io: Pick<Io, "ask" | "input">, text: string, hidden: boolean): Promise<string> {
  if (!io.input.terminal)
    throw new SampanError(
      "failed_precondition",
      "cannot ask for the password: standard input is no terminal; use --username and --password-stdin",
    );
  const answer = await io.ask(text, { hidden });
  if (answer === undefined || answer === "") throw invalid(`${text.split(":")[0]} is required`);
  return answer;
}

export const command = define({
  summary: "Log in to a registry",
  usage: "[OPTIONS] [SERVER]",
  flags: {
    username: { kind: "text", short: "u", help: "User name" },
    password: { kind: "text", short: "p", help: "Password or token; others on this machine can see it" },
    "password-stdin": { kind: "yes", help: "Read the password from standard input" },
  },
  words: { least: 0, most: 1 },
  more: "The credentials are tried with the registry, then kept where docker keeps them: in its credential store if one is configured, else in ~/.docker/config.json.",
  examples: [
    ["login", "Docker Hub, asking for both"],
    ["login -u me --password-stdin registry.example:5000", "For programs"],
  ],
  run: async ({ flags, words: [server], daemon, ...io }) => {
    const registry = serverOf(server);
    const stdin = flags["password-stdin"];
    if (stdin && flags.password !== undefined)
      throw invalid("cannot use --password and --password-stdin: wanted one of them");
    if (stdin && flags.username === undefined)
      throw invalid("cannot use --password-stdin: --username is needed with it");
    if (flags.password !== undefined)
      await io.err.write("WARNING! Using --password via the CLI is insecure. Use --password-stdin.\n");
    const username = flags.username ?? (await question(io, "Username: ", false)).trim();
    const secret =
      flags.password ?? (stdin ? await fromInput(io.input) : await question(io, "Password: ", true));
    if (secret === "") throw invalid("cannot log in: the password is empty");
    await (await daemon()).login(registry, { username, secret });
    await io.out.write("Login Succeeded\n");
    return 0;
  },
});
