/** Platforms: `linux/arm/v7` in words, in normal form, and which of several fits best. Names are Go's GOOS and GOARCH (OCI image specification 1.1, image-index.md). */
import { invalid } from "../../base/errors.ts";
import type { Platform } from "./types.ts";

const architectures: Readonly<Record<string, readonly [string, string]>> = {
  x86_64: ["amd64", ""],
  "x86-64": ["amd64", ""],
  i386: ["386", ""],
  i686: ["386", ""],
  aarch64: ["arm64", ""],
  armhf: ["arm", "v7"],
  armel: ["arm", "v6"],
};
/** The variant that an absent one means; in normal form it is absent, but for arm, where it is said. */
const unsaid: Readonly<Record<string, string>> = { amd64: "v1", arm64: "v8" };
const systems: Readonly<Record<string, string>> = { macos: "darwin" };
const knownSystems = new Set(["linux", "windows", "darwin", "freebsd", "netbsd", "openbsd", "wasip1"]);
const ofNode: Readonly<Record<string, string>> = {
  x64: "amd64",
  ia32: "386",
  arm64: "arm64",
  arm: "arm",
  riscv64: "riscv64",
  ppc64: "ppc64le",
  s390x: "s390x",
  loong64: "loong64",
};

/** Strangers choose the key: `constructor` must not find what every object has. */
function entry<Value>(table: Readonly<Record<string, Value>>, key: string): Value | undefined {
  return Object.hasOwn(table, key) ? table[key] : undefined;
}

export function normalPlatform(platform: Platform): Platform {
  const word = platform.architecture.toLowerCase();
  const [architecture, implied] = entry(architectures, word) ?? [word, ""];
  const system = platform.os.toLowerCase();
  const said = (platform.variant ?? "").toLowerCase().replace(/^(?=\d)/, "v") || implied;
  const usual = architecture === "arm" ? said || "v7" : said;
  const variant = usual === entry(unsaid, architecture) ? "" : usual;
  const { variant: _, ...rest } = platform;
  return { ...rest, architecture, os: entry(systems, system) ?? system, ...(variant ? { variant } : {}) };
}

/** `linux/arm64`, `linux/arm/v7`, `arm64`, `linux`. Errors: `invalid_argument`. */
export function parsePlatform(text: string): Platform {
  const parts = text.split("/");
  if (parts.length > 3 || !parts.every((part) => /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/.test(part)))
    throw invalid(
      `cannot read platform "${text.slice(0, 100)}": wanted os/architecture or os/architecture/variant, as linux/arm/v7`,
    );
  const [first = "", second, variant] = parts;
  const host = hostPlatform();
  if (second === undefined)
    return knownSystems.has(entry(systems, first) ?? first.toLowerCase())
      ? normalPlatform({ ...host, os: first })
      : normalPlatform({ os: host.os, architecture: first });
  return normalPlatform({ os: first, architecture: second, ...(variant ? { variant } : {}) });
}

export function formatPlatform(platform: Platform): string {
  const { os, architecture, variant } = normalPlatform(platform);
  return [os || "unknown", architecture || "unknown", ...(variant ? [variant] : [])].join("/");
}

export function hostPlatform(): Platform {
  return normalPlatform({ os: process.platform, architecture: ofNode[process.arch] ?? process.arch });
}

/**
 * What a machine of this platform can run, best first: its own variant, then the older ones of its architecture. `crossing` adds the 32-bit architecture
 * that its processors usually run too (amd64 → 386, arm64 → arm), for images that have nothing else.
 */
export function acceptable(platform: Platform, crossing: boolean): Platform[] {
  const normal = normalPlatform(platform);
  const { os, architecture } = normal;
  const older = (name: string, from: number, to: number): Platform[] =>
    Array.from({ length: from - to + 1 }, (_, index) =>
      normalPlatform({ os, architecture: name, variant: `v${from - index}` }),
    );
  const variant = normal.variant ?? entry(unsaid, architecture);
  const number = Number(/^v(\d{1,2})$/.exec(variant ?? "")?.[1] ?? Number.NaN);
  const lowest = entry<number>({ amd64: 1, arm64: 8, arm: 5 }, architecture);
  const own = lowest === undefined || !(number >= lowest) ? [normal] : older(architecture, number, lowest);
  if (!crossing) return own;
  if (architecture === "amd64") return [...own, { os, architecture: "386" }];
  return architecture === "arm64" ? [...own, ...older("arm", 8, 5)] : own;
}

const same = (a: Platform, b: Platform) => formatPlatform(a) === formatPlatform(b);

/** The one that fits best; of equals the first. Without `wanted` the host's is looked for, then what it can run besides. */
export function bestPlatform<Item>(
  items: readonly Item[],
  platformOf: (item: Item) => Platform | undefined,
  wanted?: Platform,
): Item | undefined {
  for (const platform of acceptable(wanted ?? hostPlatform(), wanted === undefined)) {
    const found = items.find((item) => {
      const have = platformOf(item);
      return have !== undefined && same(have, platform);
    });
    if (found !== undefined) return found;
  }
  return undefined;
}
