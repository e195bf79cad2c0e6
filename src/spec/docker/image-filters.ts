/** The filters of GET /images/json (Docker Engine API 1.47): of one key any value may fit, all keys must; labels must all fit. */
import { invalid } from "../../base/errors.ts";
import type { ImageSummary } from "./images.ts";

export type ImageFilters = Readonly<Record<string, readonly string[]>>;

export interface FilterWorld {
  readonly now: Date;
  /** The creation time, in Unix seconds, of the image that `before` or `since` names. Errors: `not_found`. */
  readonly createdOf: (reference: string) => number;
}

type Test = (image: ImageSummary) => boolean;

const tests: Readonly<Record<string, (value: string, world: FilterWorld) => Test>> = {
  dangling: (value) => {
    const wanted = yesOrNo("dangling", value);
    return (image) => (image.RepoTags.length === 0) === wanted;
  },
  before: (value, { createdOf }) => {
    const limit = createdOf(value);
    return (image) => image.Created < limit;
  },
  since: (value, { createdOf }) => {
    const limit = createdOf(value);
    return (image) => image.Created > limit;
  },
  until: (value, { now }) => {
    const limit = moment(value, now);
    return (image) => image.Created < limit;
  },
  reference: (value) => (image) =>
    image.RepoTags.some((name) => fitsPattern(value, name)) ||
    image.RepoDigests.some((name) => fitsPattern(value, name)),
  label: (value) => (image) => hasLabel(image, value),
  "label!": (value) => (image) => !hasLabel(image, value),
};

/** Errors: `invalid_argument` for an unknown key or a value that does not fit. */
export function imageFilter(filters: ImageFilters, world: FilterWorld): Test {
  const all = Object.entries(filters).map(([key, values]): Test => {
    const make = Object.hasOwn(tests, key) ? tests[key] : undefined;
    if (!make) throw invalid(`cannot use filter "${key}": there are ${Object.keys(tests).join(", ")}`);
    const each = values.map((value) => make(value, world));
    return key.startsWith("label")
      ? (image) => each.every((fits) => fits(image))
      : (image) => each.some((fits) => fits(image));
  });
  return (image) => all.every((fits) => fits(image));
}

function hasLabel({ Labels }: ImageSummary, text: string): boolean {
  const at = text.indexOf("=");
  const key = at < 0 ? text : text.slice(0, at);
  const value = Labels && Object.hasOwn(Labels, key) ? Labels[key] : undefined;
  return value !== undefined && (at < 0 || value === text.slice(at + 1));
}

function yesOrNo(key: string, value: string): boolean {
  if (value === "true" || value === "1") return true;
  if (value === "false" || value === "0") return false;
  throw invalid(`cannot use filter "${key}=${value}": wanted true or false`);
}

const unitSeconds: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** `24h`, `1h30m`: so long ago; a Unix time; or a date. In Unix seconds. */
function moment(text: string, now: Date): number {
  if (/^(?:\d+(?:\.\d+)?[smhd])+$/.test(text)) {
    const parts = [...text.matchAll(/(\d+(?:\.\d+)?)([smhd])/g)];
    const seconds = parts.map(([, count, unit = ""]) => Number(count) * (unitSeconds[unit] ?? 0));
    return now.getTime() / 1000 - seconds.reduce((sum, each) => sum + each, 0);
  }
  if (/^\d+(?:\.\d+)?$/.test(text)) return Number(text);
  const time = Date.parse(text);
  if (Number.isNaN(time))
    throw invalid(`cannot use filter "until=${text}": wanted a time, as 24h or 2026-11-21`);
  return time / 1000;
}

/** A glob over the name with tag or digest, or over the name alone: `alpine`, `alp*:3*`. A star does not go over a slash. */
export function fitsPattern(pattern: string, name: string): boolean {
  const form = globForm(pattern);
  const bare = name.replace(/@.*$/, "").replace(/:[^/:]*$/, "");
  return form.test(name) || form.test(bare);
}

function globForm(pattern: string): RegExp {
  const escaped = pattern.replaceAll(/[.+^${}()|\\]/g, String.raw`\$&`);
  const form = escaped.replaceAll("*", "[^/]*").replaceAll("?", "[^/]");
  try {
    return new RegExp(`^${form}$`);
  } catch {
    throw invalid(`cannot use filter "reference=${pattern}": its brackets do not fit together`);
  }
}
