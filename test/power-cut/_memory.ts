import { accessSync, constants } from "node:fs";
import { tmpdir } from "node:os";

/** A folder on a file system in memory, where the many states of a replay are quick to make and to sync; else the ordinary one. */
export function memory(): string {
  try {
    accessSync("/dev/shm", constants.W_OK);
    return "/dev/shm";
  } catch {
    return tmpdir();
  }
}
