/** Sizes as docker prints and reads them: decimal units when printed (`7.83MB`), binary ones when given (`512m`). */

const units = ["B", "kB", "MB", "GB", "TB", "PB", "EB"] as const;

/** Three significant digits: `0B`, `532kB`, `7.83MB`. */
export function formatSize(bytes: number, digits = 3): string {
  let size = Math.abs(bytes);
  let unit = 0;
  // 999.6 kB has four digits once rounded: it is 1MB.
  while (Number(size.toPrecision(digits)) >= 1000 && unit < units.length - 1) {
    size /= 1000;
    unit++;
  }
  return `${bytes < 0 ? "-" : ""}${Number(size.toPrecision(digits))}${units[unit]}`;
}

const powers: Readonly<Record<string, number>> = { "": 0, k: 1, m: 2, g: 3, t: 4, p: 5 };

/** `512m`, `1.5g`, `64kb`, `1GiB`, `1024`; undefined when it is no size. */
export function parseBytes(text: string): number | undefined {
  const found = /^(\d+(?:\.\d+)?) ?([kmgtp]?)(?:i?b)?$/i.exec(text.trim());
  const power = powers[found?.[2]?.toLowerCase() ?? ""];
  if (!found || power === undefined) return undefined;
  const bytes = Math.floor(Number(found[1]) * 1024 ** power);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** Four digits, as docker prints what was reclaimed or is used in all. */
export const formatTotal = (bytes: number): string => formatSize(bytes, 4);
