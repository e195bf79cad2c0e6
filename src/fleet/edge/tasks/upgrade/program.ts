/** A new program, as it comes out of an image: whether it is one for this machine, and which version it says it is. */
import { execFile } from "node:child_process";
import { accessSync, constants, statfsSync, statSync } from "node:fs";
import { open } from "node:fs/promises";
import { dirname } from "node:path";
import { promisify } from "node:util";
import { SampanError } from "../../../../base/errors.ts";
import { plainVersion } from "./plan.ts";

/** Where an image has it. */
export const pathInImage = "/usr/local/bin/sampan";
/** Bytes: ours has 130 MB. */
export const mostProgram = 1 << 30;

/** Milliseconds; the slowest boards need some seconds. */
const patience = 60_000;
const refused = (text: string) => new SampanError("failed_precondition", text);

/** e_machine of the ELF specification. */
const machines: Readonly<Record<string, number>> = { x64: 62, arm64: 183 };

/** By the first 20 bytes (ELF-64, little-endian). @throws SampanError failed_precondition that says what it is. */
export function requireExecutable(header: Uint8Array, arch: string): void {
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  const isElf = header.byteLength >= 20 && view.getUint32(0) === 0x7f454c46;
  if (!isElf || header[4] !== 2 || header[5] !== 1)
    throw refused(`"${pathInImage}" of the image is no executable of Linux with 64 bits`);
  const [type, machine] = [view.getUint16(16, true), view.getUint16(18, true)];
  if (type !== 2 && type !== 3) throw refused(`"${pathInImage}" of the image is a library or an object file`);
  if (machine === machines[arch]) return;
  const name = Object.keys(machines).find((each) => machines[each] === machine) ?? `machine ${machine}`;
  throw refused(`the image's program is for ${name}, wanted one for ${arch}`);
}

/** Errors: `failed_precondition`. */
export async function checkProgram(path: string, version: string, signal: AbortSignal): Promise<void> {
  const header = new Uint8Array(20);
  {
    await using file = await open(path, "r");
    const { bytesRead } = await file.read(header, 0, header.length, 0);
    requireExecutable(header.subarray(0, bytesRead), process.arch);
  }
  const said = await versionOf(path, signal);
  if (said !== plainVersion(version))
    throw refused(`the image's program is version ${said}, wanted ${plainVersion(version)}`);
}

async function versionOf(path: string, signal: AbortSignal): Promise<string> {
  for (let left = 20; ; left--)
    try {
      const { stdout } = await promisify(execFile)(path, ["--version"], {
        cwd: "/",
        env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
        timeout: patience,
        killSignal: "SIGKILL",
        maxBuffer: 65_536,
        signal,
      });
      const [, version] = /^Sampan (\d[\w.+-]{0,63})$/m.exec(stdout) ?? [];
      if (version === undefined) throw refused("the image's program does not say a version of Sampan");
      return version;
    } catch (error) {
      const { code, killed } = error as { code?: unknown; killed?: boolean };
      if (error instanceof SampanError || signal.aborted) throw error;
      // Another program that is started at this moment has the file open for writing until it is itself.
      if (code === "ETXTBSY" && left > 0) {
        await new Promise((resolve) => setTimeout(resolve, 50));
        continue;
      }
      const why = killed ? `no answer within ${patience / 1000} s` : howItEnded(code);
      throw new SampanError("failed_precondition", `the image's program does not say its version: ${why}`, {
        cause: error,
      });
    }
}

function howItEnded(code: unknown): string {
  if (typeof code === "number") return `status ${code}`;
  return typeof code === "string" ? code : "a signal ended it";
}

/** Room for another program beside this one, in a folder that can be written. Errors: `failed_precondition`. */
export function requireReplaceable(path: string): void {
  const folder = dirname(path);
  try {
    accessSync(folder, constants.W_OK);
  } catch (error) {
    throw new SampanError(
      "failed_precondition",
      `this program cannot be replaced: "${folder}" cannot be written (${(error as NodeJS.ErrnoException).code})`,
      { cause: error },
    );
  }
  const { bavail, bsize } = statfsSync(folder);
  // The new one may be longer; where no hard links are, the one from before is a copy.
  const [free, wanted] = [bavail * bsize, Math.ceil(statSync(path).size * 2.5)];
  if (free < wanted) throw refused(`"${folder}" has ${mega(free)} free, wanted ${mega(wanted)}`);
}

const mega = (bytes: number) => `${Math.floor(bytes / 1e6)} MB`;
