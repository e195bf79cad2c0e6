/** Exit statuses of docker's command line where a program could not be started. */
import { SampanError } from "../../base/errors.ts";

const notFound = ["executable file not found", "no such file or directory", "not found in $path"];
const notRunnable = ["permission denied", "is a directory", "exec format error"];

/** 127: there is no such program; 126: it cannot be run; 125: something else. */
export function startStatus(error: unknown): number {
  const message = SampanError.from(error).message.toLowerCase();
  // A socket that may not be opened is nothing that the program has done.
  if (message.startsWith("cannot connect")) return 125;
  if (notFound.some((words) => message.includes(words))) return 127;
  return notRunnable.some((words) => message.includes(words)) ? 126 : 125;
}
