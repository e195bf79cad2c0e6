/** What SQLite says, as errors of ours that name the file and what heals it. */
import { SampanError, type Code } from "../../../../base/errors.ts";

const healing =
  "it is left as it is; put a backup of the folder in its place, or move the folder away to begin with an empty cluster";

const known: readonly (readonly [name: string, code: Code, text: string])[] = [
  ["SQLITE_BUSY", "unavailable", "another process has it open"],
  ["SQLITE_LOCKED", "unavailable", "it is locked by this process"],
  ["SQLITE_FULL", "resource_exhausted", "no space left on device"],
  ["SQLITE_READONLY", "failed_precondition", "it cannot be written: read-only file system or file"],
  ["SQLITE_CORRUPT", "data_loss", `it is damaged; ${healing}`],
  ["SQLITE_NOTADB", "data_loss", `it is damaged: it does not begin as a database; ${healing}`],
  ["SQLITE_IOERR", "data_loss", "the disk does not read or write it (input/output error)"],
  ["SQLITE_CANTOPEN", "permission_denied", "it cannot be opened"],
  ["SQLITE_PERM", "permission_denied", "permission denied"],
];

/** An error of SQLite, with the file named; every other error as it is. */
export function databaseError(error: unknown, file: string): unknown {
  if (!(error instanceof Error) || error.name !== "SQLiteError") return error;
  const { code } = error as { code?: unknown };
  const full = typeof code === "string" ? code : "";
  const found = known.find(([name]) => full === name || full.startsWith(`${name}_`));
  const text = found ? `${found[2]} (${full})` : error.message;
  return new SampanError(found?.[1] ?? "internal", `cannot use database "${file}": ${text}`, {
    cause: error,
  });
}

export function damaged(file: string, what: string): SampanError {
  return new SampanError("data_loss", `cannot use database "${file}": it is damaged (${what}); ${healing}`);
}

const files: Readonly<Record<string, readonly [code: Code, text: string]>> = {
  EACCES: ["permission_denied", "permission denied"],
  EPERM: ["permission_denied", "operation not permitted"],
  EROFS: ["failed_precondition", "read-only file system"],
  ENOSPC: ["resource_exhausted", "no space left on device"],
  EDQUOT: ["resource_exhausted", "the quota of the disk is used up"],
  ENOTDIR: ["invalid_argument", "a part of its path is no folder"],
  EEXIST: ["invalid_argument", "its folder is a file"],
};

/** What the file system says while the file is made; every other error as it is. */
export function fileError(error: unknown, file: string): unknown {
  if (error instanceof SampanError || !(error instanceof Error)) return error;
  const { code } = error as { code?: unknown };
  const found = typeof code === "string" ? files[code] : undefined;
  if (!found) return error;
  return new SampanError(found[0], `cannot use database "${file}": ${found[1]} (${String(code)})`, {
    cause: error,
  });
}
