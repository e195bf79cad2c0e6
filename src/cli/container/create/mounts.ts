/** `--volume`, `--tmpfs` and `--mount`. */
import { resolve } from "node:path";
import { invalid } from "../../../base/errors.ts";
import type { Mount } from "../../../spec/docker/create.ts";
import { parseBytes } from "../../text/size.ts";
import { csvPairs } from "./key-values.ts";

export interface Volumes {
  /** `source:target[:options]`. */
  readonly binds: readonly string[];
  /** Targets of anonymous volumes. */
  readonly anonymous: Record<string, object>;
}

/** A source that begins with a point is a folder of this side, and made whole here: the daemon is elsewhere. */
export function parseVolumes(entries: readonly string[], cwd: string): Volumes {
  const volumes: { binds: string[]; anonymous: Record<string, object> } = { binds: [], anonymous: {} };
  for (const entry of entries) {
    const colon = entry.indexOf(":");
    const source = entry.slice(0, Math.max(colon, 0));
    if (entry === "" || colon === 0)
      throw invalid(`cannot mount "${entry}": wanted [SOURCE:]TARGET[:OPTIONS]`);
    if (colon < 0) volumes.anonymous[entry] = {};
    else
      volumes.binds.push(
        /^\.{1,2}(?:\/|$)/.test(source) ? `${resolve(cwd, source)}${entry.slice(colon)}` : entry,
      );
  }
  return volumes;
}

/** `/run:size=64k` by its target. */
export function parseTmpfs(entries: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    entries.map((entry) => {
      const [target = "", ...options] = entry.split(":");
      return [target, options.join(":")];
    }),
  );
}

/** What a mount is while its fields are read: like Mount, not yet whole. */
interface Draft {
  Type: string;
  Source?: string;
  Target?: string;
  ReadOnly?: boolean;
  Consistency?: string;
  BindOptions?: Record<string, unknown>;
  VolumeOptions?: Record<string, unknown> & {
    Labels?: Record<string, string>;
    DriverConfig?: { Name?: string; Options?: Record<string, string> };
  };
  TmpfsOptions?: Record<string, unknown>;
  ImageOptions?: Record<string, unknown>;
}

type Field = (draft: Draft, value: string, whole: string) => void;

const truth: Readonly<Record<string, boolean>> = {
  "": true,
  "1": true,
  true: true,
  "0": false,
  false: false,
};

function yes(value: string, whole: string): boolean {
  const found = truth[value.toLowerCase()];
  if (found === undefined) throw invalid(`cannot mount "${whole}": "${value}" is neither true nor false`);
  return found;
}

const bind = (draft: Draft) => (draft.BindOptions ??= {});
const volume = (draft: Draft) => (draft.VolumeOptions ??= {});
const tmpfs = (draft: Draft) => (draft.TmpfsOptions ??= {});

function pair(value: string, whole: string): [string, string] {
  const at = value.indexOf("=");
  if (value === "" || at === 0) throw invalid(`cannot mount "${whole}": wanted KEY=VALUE in "${value}"`);
  return at < 0 ? [value, ""] : [value.slice(0, at), value.slice(at + 1)];
}

const recursion: Readonly<Record<string, (draft: Draft) => void>> = {
  enabled: () => {},
  disabled: (draft) => void (bind(draft)["NonRecursive"] = true),
  writable: (draft) => void (bind(draft)["ReadOnlyNonRecursive"] = true),
  readonly: (draft) => void (bind(draft)["ReadOnlyForceRecursive"] = true),
};

const source: Field = (draft, value) => void (draft.Source = value);
const target: Field = (draft, value) => void (draft.Target = value);
const readonly: Field = (draft, value, whole) => void (draft.ReadOnly = yes(value, whole));

const fields: Readonly<Record<string, Field>> = {
  type: (draft, value) => void (draft.Type = value.toLowerCase()),
  source,
  src: source,
  target,
  dst: target,
  destination: target,
  readonly,
  ro: readonly,
  consistency: (draft, value) => void (draft.Consistency = value.toLowerCase()),
  "bind-propagation": (draft, value) => void (bind(draft)["Propagation"] = value.toLowerCase()),
  "bind-nonrecursive": (draft, value, whole) => void (bind(draft)["NonRecursive"] = yes(value, whole)),
  "bind-recursive": (draft, value, whole) => {
    const found = recursion[value];
    if (!found)
      throw invalid(`cannot mount "${whole}": wanted bind-recursive=${Object.keys(recursion).join("|")}`);
    found(draft);
  },
  "bind-create-src": (draft, value, whole) => void (bind(draft)["CreateMountpoint"] = yes(value, whole)),
  "volume-nocopy": (draft, value, whole) => void (volume(draft)["NoCopy"] = yes(value, whole)),
  "volume-subpath": (draft, value) => void (volume(draft)["Subpath"] = value),
  "volume-label": (draft, value, whole) => {
    const [key, label] = pair(value, whole);
    volume(draft).Labels = { ...volume(draft).Labels, [key]: label };
  },
  "volume-driver": (draft, value) =>
    void (volume(draft).DriverConfig = { ...volume(draft).DriverConfig, Name: value }),
  "volume-opt": (draft, value, whole) => {
    const [key, option] = pair(value, whole);
    const driver = volume(draft).DriverConfig;
    volume(draft).DriverConfig = { ...driver, Options: { ...driver?.Options, [key]: option } };
  },
  "tmpfs-size": (draft, value, whole) => {
    const size = parseBytes(value);
    if (size === undefined) throw invalid(`cannot mount "${whole}": "${value}" is no size`);
    tmpfs(draft)["SizeBytes"] = size;
  },
  "tmpfs-mode": (draft, value, whole) => {
    if (!/^[0-7]+$/.test(value)) throw invalid(`cannot mount "${whole}": "${value}" is no mode in octal`);
    tmpfs(draft)["Mode"] = parseInt(value, 8);
  },
  "image-subpath": (draft, value) => void ((draft.ImageOptions ??= {})["Subpath"] = value),
};

/** Keys that may stand alone. */
const alone = new Set(["readonly", "ro", "volume-nocopy", "bind-nonrecursive", "bind-create-src"]);

const options = {
  bind: "BindOptions",
  volume: "VolumeOptions",
  tmpfs: "TmpfsOptions",
  image: "ImageOptions",
} as const;

/** Errors: `invalid_argument` for a key or a type that is not known, and for options of another type. */
export function parseMount(text: string, cwd: string): Mount {
  const draft: Draft = { Type: "volume" };
  for (const { key, value } of csvPairs(text)) {
    const field = Object.hasOwn(fields, key) ? fields[key] : undefined;
    if (!field) throw invalid(`cannot mount "${text}": there is no key "${key}"`);
    if (value === undefined && !alone.has(key))
      throw invalid(`cannot mount "${text}": "${key}" wants a value`);
    field(draft, value ?? "", text);
  }
  const own = Object.hasOwn(options, draft.Type) ? options[draft.Type as keyof typeof options] : undefined;
  if (!own)
    throw invalid(
      `cannot mount "${text}": there is no type "${draft.Type}"; wanted bind, volume, tmpfs or image`,
    );
  if (!draft.Target) throw invalid(`cannot mount "${text}": wanted target=PATH in it`);
  const wrong = Object.values(options).find((name) => name !== own && draft[name]);
  if (wrong) throw invalid(`cannot mount "${text}": a ${draft.Type} has no ${wrong}`);
  if (draft.Type === "bind" && draft.Source?.startsWith(".")) draft.Source = resolve(cwd, draft.Source);
  return draft as Mount;
}
