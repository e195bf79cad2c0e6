import { chmodSync, lstatSync } from "node:fs";
import { join } from "node:path";
import type { Check } from "./check.ts";

/** Nobody else may look into these, or reach through them for a set-user-id file of an image. Containers see their files through mounts. */
const folders = [
  "",
  "content",
  "content/blobs",
  "content/blobs/sha256",
  "content/blobs/sha512",
  "content/ingest",
].concat(["snapshots", "snapshots/overlayfs", "snapshots/copy", "containers", "volumes", "cache", "tmp"]);
const files = ["sampan.db", "sampan.db-wal", "sampan.db-shm", "locks", "reserve"];

export function checkFolders(check: Check): void {
  for (const name of folders) checkMode(check, name, 0o700);
  for (const name of files) checkMode(check, name, 0o600);
}

function checkMode({ engine, options, report }: Check, name: string, wanted: 0o600 | 0o700): void {
  const path = join(engine.store.root, name);
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (!stat) return;
  const kind = wanted === 0o700 ? "folder" : "file";
  if (kind === "folder" ? !stat.isDirectory() : !stat.isFile()) {
    report({ what: `"${path}" is not a ${kind}`, severity: "damage" });
    return;
  }
  if ((stat.mode & 0o077) === 0) return;
  const mode = (stat.mode & 0o777).toString(8).padStart(4, "0");
  if (options.repair) chmodSync(path, wanted);
  report({
    what: `${kind} "${path}" can be used by others: its mode is ${mode}, wanted 0${wanted.toString(8)}`,
    severity: "damage",
    repaired: options.repair,
  });
}
