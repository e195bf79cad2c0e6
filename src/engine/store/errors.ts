/** What SQLite and the file system say, as errors of ours. */
import { SampanError, type Code } from "../../base/errors.ts";
import { describeErrno, errnoOf, systemError } from "../../kernel/errno.ts";

const sqlite: Readonly<Record<string, { code: Code; text: string }>> = {
  SQLITE_BUSY: { code: "unavailable", text: "other processes kept it locked for 30 seconds" },
  SQLITE_LOCKED: { code: "unavailable", text: "it is locked by this process" },
  SQLITE_FULL: { code: "resource_exhausted", text: "no space left on device" },
  SQLITE_READONLY: {
    code: "failed_precondition",
    text: "it cannot be written: read-only file system or file",
  },
  SQLITE_CORRUPT: { code: "data_loss", text: "it is damaged" },
  SQLITE_NOTADB: { code: "data_loss", text: "it is damaged: it does not begin as a database" },
  // Its index of the log could not grow; all other reasons come as the general one.
  SQLITE_IOERR_SHMSIZE: { code: "resource_exhausted", text: "no space left on device" },
  SQLITE_IOERR: { code: "data_loss", text: "the disk does not read or write it (input/output error)" },
  SQLITE_CANTOPEN: { code: "permission_denied", text: "it cannot be opened" },
  SQLITE_PERM: { code: "permission_denied", text: "permission denied" },
};

/** What a person can do about it; see found.ts for what then stays. */
export const healing =
  "move it away with its -wal and -shm, and pull images again; what containers wrote stays in the data root until `sampan system prune` or `sampan system check --repair`";

export function isDamage(error: unknown): boolean {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === "string" && /^SQLITE_(?:CORRUPT|NOTADB)/.test(code);
}

/** An error of SQLite, with the file named; every other error as it is. */
export function databaseError(error: unknown, file: string): unknown {
  if (!(error instanceof Error) || error.name !== "SQLiteError") return error;
  const { code } = error as { code?: unknown };
  const full = typeof code === "string" ? code : "";
  const name = Object.keys(sqlite).find((known) => full === known || full.startsWith(`${known}_`));
  const known = name === undefined ? undefined : sqlite[name];
  const text = known ? `${known.text} (${full})${isDamage(error) ? `; ${healing}` : ""}` : error.message;
  return new SampanError(known?.code ?? "internal", `cannot use database "${file}": ${text}`, {
    cause: error,
  });
}

/** Errors that a full or exhausted machine gives, beyond those that kernel/errno.ts maps: EFBIG, ENFILE, EMFILE, EDQUOT. */
const exhausted = new Set([23, 24, 27, 122]);

/** An error of node:fs as `cannot <doing>: …`; an error of ours as it is. */
export function fileError(doing: string, error: unknown): SampanError {
  if (error instanceof SampanError) return error;
  const number = errnoOf(error);
  if (number === 0) return SampanError.wrap(`cannot ${doing}`, error);
  if (exhausted.has(number))
    return new SampanError("resource_exhausted", `cannot ${doing}: ${describeErrno(number).text}`, {
      cause: error,
    });
  return systemError(doing, number);
}
