/** Docker's protocol of credential helpers: `docker-credential-<name> get|store|erase`, with the server or a JSON document on standard input. */
import type { Credentials } from "./docker-config.ts";
import { SampanError } from "../../base/errors.ts";

const deadline = 30_000;
const mostOutput = 1 << 20;
/** The name of a helper that answers with a refresh token in place of a password. */
const identityName = "<token>";

interface Question {
  readonly server: string;
  readonly credentials?: Credentials;
}

/** What `get` knows, undefined when it knows nothing. Errors: `failed_precondition`, `deadline_exceeded`, `cancelled`. */
export async function askHelper(
  name: string,
  verb: "get" | "store" | "erase",
  { server, credentials }: Question,
  signal?: AbortSignal,
): Promise<Credentials | undefined> {
  const program = `docker-credential-${name}`;
  const fail = (
    why: string,
    code: "failed_precondition" | "deadline_exceeded" | "cancelled" = "failed_precondition",
  ) => new SampanError(code, `cannot ask credential helper "${program}" to ${verb}: ${why}`);
  if (!/^[\w.-]{1,64}$/.test(name)) throw fail("its name may hold letters, digits, _ . and - only");
  const path = Bun.which(program, { PATH: process.env["PATH"] ?? "" });
  if (path === null) throw fail("it is not installed");
  const input = credentials
    ? JSON.stringify({
        ServerURL: server,
        Username: credentials.kind === "identity" ? identityName : credentials.username,
        Secret: credentials.secret,
      })
    : server;
  const limit = AbortSignal.timeout(deadline);
  const child = Bun.spawn([path, verb], {
    stdin: Buffer.from(input),
    stdout: "pipe",
    stderr: "ignore",
    killSignal: "SIGKILL",
    maxBuffer: mostOutput,
    signal: signal ? AbortSignal.any([signal, limit]) : limit,
  });
  const output = await new Response(child.stdout).text();
  const status = await child.exited;
  if (signal?.aborted) throw fail("the request was cancelled", "cancelled");
  if (limit.aborted) throw fail(`no answer for ${deadline / 1000} s`, "deadline_exceeded");
  if (status !== 0) {
    // The protocol has no status for it: the text is what helpers of all kinds print.
    if (verb === "get" && output.includes("credentials not found")) return undefined;
    throw fail(`it ended with status ${status}${saidBy(output, credentials)}`);
  }
  return verb === "get"
    ? (answerOf(output) ?? Promise.reject(fail("its answer is not what the protocol says")))
    : undefined;
}

/** Its words, unless the secret may be among them: one that it was given, or a document that it answers with. */
function saidBy(output: string, credentials: Credentials | undefined): string {
  const text = output.trim();
  const holds = text.startsWith("{") || (credentials !== undefined && text.includes(credentials.secret));
  return text === "" || holds ? "" : `: ${text.slice(0, 200)}`;
}

function answerOf(output: string): Credentials | undefined {
  try {
    const { Username, Secret } = JSON.parse(output) as { Username?: unknown; Secret?: unknown };
    if (typeof Username !== "string" || typeof Secret !== "string") return undefined;
    return Username === identityName
      ? { username: "", secret: Secret, kind: "identity" }
      : { username: Username, secret: Secret, kind: "password" };
  } catch {
    return undefined;
  }
}
