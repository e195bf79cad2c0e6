/** The launcher as a file that can be bound into a container, where it is the first process that was asked for (launcher/init.c). */
import launcherPath from "#launcher" with { type: "file" };
import { chmodSync, lstatSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { SampanError } from "../../base/errors.ts";

export function launcherBytes(): Promise<Uint8Array> {
  return Bun.file(launcherPath).bytes();
}

/**
 * Writes it where it is not there or is another; what runs has the old one. It is not the file that plans are executed from: what a container might reach
 * is no part of the runtime.
 */
export async function writeInitFile(path: string): Promise<string> {
  const wanted = await launcherBytes();
  if (isThere(path, wanted)) return path;
  const fresh = `${path}.${process.pid}`;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o711 });
    writeFileSync(fresh, wanted, { mode: 0o500, flush: true });
    chmodSync(fresh, 0o555);
    renameSync(fresh, path);
  } catch (error) {
    rmSync(fresh, { force: true });
    throw SampanError.wrap(`cannot write the init of containers "${path}"`, error);
  }
  return path;
}

const regularFile = 0o100000;

function isThere(path: string, wanted: Uint8Array): boolean {
  try {
    return lstatSync(path).mode === regularFile + 0o555 && readFileSync(path).equals(wanted);
  } catch {
    return false;
  }
}
