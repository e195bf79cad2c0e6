/** Asks a monitor to open its log anew, on a connection of its own: one that does not know the request closes it. */
import { SampanError } from "../../base/errors.ts";
import { describeErrno, errno } from "../../kernel/errno.ts";
import { connectMonitor } from "./connection.ts";
import { readExit } from "./exit.ts";

/** Errors: as in the contract. */
export async function reopenLog(folder: string, signal?: AbortSignal): Promise<void> {
  await using connection = await connectMonitor(folder, signal);
  const cut = (): void => void connection[Symbol.asyncDispose]();
  signal?.addEventListener("abort", cut, { once: true });
  const result = await connection.reopenLog();
  signal?.removeEventListener("abort", cut);
  signal?.throwIfAborted();
  if (result === 0) return;
  throw refusal(folder, result);
}

function refusal(folder: string, result: number | undefined): SampanError {
  const doing = `open the log of the monitor at "${folder}" anew`;
  const refuse = (why: string) => new SampanError("failed_precondition", `cannot ${doing}: ${why}`);
  if (result !== undefined)
    return refuse(result === -errno.EBADF ? "it writes none" : describeErrno(-result).text);
  if (readExit(folder)) return refuse("its process has ended");
  return refuse(
    "it was begun by an older version of this program, which cannot do that: its container has to be made anew",
  );
}
