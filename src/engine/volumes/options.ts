/** The options of driver `local`: `type`, `o`, `device` as mount(8) has them, and `size`. Pure. */
import { SampanError, invalid } from "../../base/errors.ts";
import { parseMountWords, type MountWords } from "./_mount-words.ts";

export interface VolumeOptions {
  /** What is mounted on it while somebody uses it. */
  readonly mount: MountOption | undefined;
  /** Bytes. */
  readonly size: number | undefined;
}

export interface MountOption extends MountWords {
  readonly type: string;
  readonly device: string;
  /** The words of `o`, as they are. */
  readonly words: readonly string[];
}

const known = ["type", "o", "device", "size"];

/** Errors: `invalid_argument`. */
export function parseVolumeOptions(options: Readonly<Record<string, string>>): VolumeOptions {
  const stranger = Object.keys(options).find((name) => !known.includes(name));
  if (stranger !== undefined)
    throw invalid(
      `cannot create the volume: invalid option: "${stranger.slice(0, 150)}", wanted ${known.join(", ")}`,
    );
  const { type = "", o = "", device = "", size } = options;
  const wrong = Object.entries(options).find(([, value]) => /[\0\n]/.test(value));
  if (wrong) throw invalid(`cannot create the volume: option "${wrong[0]}" is not one line`);
  return { mount: mountOf(type, o, device), size: size === undefined ? undefined : parseSize(size) };
}

function mountOf(type: string, o: string, device: string): MountOption | undefined {
  if (type === "" && device === "") {
    if (o === "") return undefined;
    throw invalid('cannot create the volume: missing required option: "device"');
  }
  const words = o.split(",").filter(Boolean);
  const parsed = parseMountWords(words);
  const binds = type === "none" || type === "bind" || parsed.bind;
  if (device === "") throw invalid('cannot create the volume: missing required option: "device"');
  if (type === "" && !binds) throw invalid('cannot create the volume: missing required option: "type"');
  if (!/^[a-z0-9_.-]*$/i.test(type))
    throw invalid(`cannot create the volume: type "${type}" is no file system`);
  if (!binds) return { type, device, words, ...parsed };
  if (!device.startsWith("/") || device.split("/").includes(".."))
    throw invalid(`cannot create the volume: device "${device}" is not an absolute path without ".."`);
  return { type: "none", device, words, ...parsed, bind: true };
}

const units = { "": 1, b: 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 } as const;

/** `10g`: binary units. */
export function parseSize(text: string): number {
  const [, number, unit = ""] = /^(\d{1,15}(?:\.\d{1,6})?)\s*([bkmgt]?)i?b?$/i.exec(text) ?? [];
  const bytes = Math.floor(Number(number) * units[unit.toLowerCase() as keyof typeof units]);
  if (bytes > 0 && Number.isSafeInteger(bytes)) return bytes;
  throw new SampanError("invalid_argument", `cannot use size "${text.slice(0, 50)}": wanted bytes, like 10g`);
}
