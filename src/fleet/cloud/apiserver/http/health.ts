/** /healthz, /livez, /readyz and their single checks. https://kubernetes.io/docs/reference/using-api/health-checks/ */
import { SampanError } from "../../../../base/errors.ts";
import { sendText } from "./answer.ts";
import type { Exchange } from "./exchange.ts";

const kinds = ["healthz", "livez", "readyz"];

interface Outcome {
  readonly name: string;
  readonly problem: string | undefined;
}

/** False when the path is none of these. */
export async function serveHealth(exchange: Exchange): Promise<boolean> {
  const [, kind = "", single, ...rest] = exchange.info.path.split("/");
  if (!kinds.includes(kind) || rest.length > 0) return false;
  const checks = checksOf(exchange, kind);
  if (single !== undefined && !Object.hasOwn(checks, single)) return false;
  const excluded = exchange.info.query.getAll("exclude");
  const names = Object.keys(checks).filter((name) =>
    single === undefined ? !excluded.includes(name) : name === single,
  );
  const outcomes = await Promise.all(names.map(async (name) => await run(name, checks[name])));
  const failed = outcomes.some(({ problem }) => problem !== undefined);
  const verbose = failed || exchange.info.query.has("verbose");
  await sendText(exchange, failed ? 500 : 200, verbose ? report(kind, outcomes) : "ok");
  return true;
}

type Check = () => void | Promise<void>;

/** A server that is alive need not be ready. */
function checksOf({ parts, stopping }: Exchange, kind: string): Readonly<Record<string, Check>> {
  const ping = () => {};
  if (kind !== "readyz") return { ping };
  const shutdown = () => {
    if (stopping.aborted) throw new SampanError("unavailable", "the server is stopping");
  };
  return { ping, ...parts.checks, shutdown };
}

async function run(name: string, check: Check | undefined): Promise<Outcome> {
  try {
    await check?.();
    return { name, problem: undefined };
  } catch (error) {
    return { name, problem: SampanError.from(error).message };
  }
}

function report(kind: string, outcomes: readonly Outcome[]): string {
  const lines = outcomes.map(({ name, problem }) =>
    problem === undefined ? `[+]${name} ok` : `[-]${name} failed: reason withheld`,
  );
  const failed = outcomes.some(({ problem }) => problem !== undefined);
  return `${lines.join("\n")}\n${kind} check ${failed ? "failed" : "passed"}\n`;
}
