/**
 * The filters of `images` and `image prune`, as Docker has them: reference, dangling, label, label!, before, since, until. Several values of reference widen,
 * several of label narrow.
 */
import { invalid } from "../../base/errors.ts";
import { bestPlatform } from "../../spec/image/platform.ts";
import { familiarName } from "../../spec/image/reference.ts";
import type { Images, LocalImage } from "./images.ts";

export type Filters = Readonly<Record<string, readonly string[]>>;
type Test = (image: LocalImage) => boolean;

export const imageFilters = ["reference", "dangling", "label", "label!", "before", "since", "until"] as const;

/** Errors: `invalid_argument` for a filter or value that is none, `not_found` for an image of before and since. */
export function filterImages(
  images: Pick<Images, "list" | "get">,
  filters: Filters,
  now = Date.now(),
): LocalImage[] {
  const tests = Object.entries(filters).flatMap(([name, values]) =>
    values.length === 0 ? [] : testsOf(images, { name, values, now }),
  );
  return images.list().filter((image) => tests.every((test) => test(image)));
}

/** Of several platforms of a record the host's, else the first, where the first of them stands. */
export function oneOfEach(images: readonly LocalImage[]): LocalImage[] {
  const records = Map.groupBy(images, ({ target }) => target.digest);
  return [...records.values()].flatMap(
    (platforms) => bestPlatform(platforms, ({ platform }) => platform) ?? platforms.slice(0, 1),
  );
}

interface Filter {
  readonly name: string;
  readonly values: readonly string[];
  readonly now: number;
}

function testsOf(images: Pick<Images, "get">, { name, values, now }: Filter): Test[] {
  const created = (image: LocalImage) => image.created?.getTime() ?? 0;
  switch (name) {
    case "reference": {
      const patterns = values.map(pattern);
      return [(image) => patterns.some((matches) => matches(image))];
    }
    case "dangling": {
      const wanted = values.map((value) => truth(name, value));
      return [(image) => wanted.includes(image.names.length === 0)];
    }
    case "label":
      return values.map((value) => (image) => hasLabel(image, value));
    case "label!":
      return values.map((value) => (image) => !hasLabel(image, value));
    case "before":
      return values.map((value) => {
        const limit = created(images.get(value));
        return (image) => created(image) < limit;
      });
    case "since":
      return values.map((value) => {
        const limit = created(images.get(value));
        return (image) => created(image) > limit;
      });
    case "until":
      return values.map((value) => {
        const limit = moment(value, now);
        return (image) => created(image) < limit;
      });
    default:
      throw invalid(
        `cannot filter images: there is no filter "${name}", wanted one of ${imageFilters.join(", ")}`,
      );
  }
}

function truth(name: string, value: string): boolean {
  if (["true", "1", "t", "T", "True", "TRUE"].includes(value)) return true;
  if (["false", "0", "f", "F", "False", "FALSE"].includes(value)) return false;
  throw invalid(`cannot filter images: ${name} is "${value}", wanted true or false`);
}

function hasLabel({ labels }: LocalImage, wanted: string): boolean {
  const at = wanted.indexOf("=");
  if (at < 0) return Object.hasOwn(labels, wanted);
  const key = wanted.slice(0, at);
  return Object.hasOwn(labels, key) && labels[key] === wanted.slice(at + 1);
}

/** As Go's path.Match over the short name, with tag or without; `*` does not go over a slash. */
function pattern(text: string): Test {
  const source = [...text.matchAll(/\\(.)|\[([!^]?)([^\]]+)\]|([\s\S])/g)]
    .map(([, escaped, not, set, one]) => {
      if (set !== undefined) return `[${not ? "^" : ""}${set.replaceAll(/[\\[]/g, String.raw`\$&`)}]`;
      const letter = escaped ?? one ?? "";
      if (escaped === undefined && letter === "*") return "[^/]*";
      if (escaped === undefined && letter === "?") return "[^/]";
      return letter.replaceAll(/[.*+?^${}()|[\]\\/]/g, String.raw`\$&`);
    })
    .join("");
  const matcher = expression(source, text);
  const candidates = (name: string) => [
    name,
    name.replace(/@.*$/, ""),
    name.replace(/@.*$/, "").replace(/:[^/:]*$/, ""),
  ];
  return (image) =>
    [...image.names, ...image.repoDigests]
      .flatMap((name) => [...candidates(name), ...candidates(familiarName(name))])
      .some((name) => matcher.test(name));
}

function expression(source: string, text: string): RegExp {
  try {
    return new RegExp(`^${source}$`);
  } catch {
    throw invalid(`cannot filter images: reference "${text}" is not a pattern`);
  }
}

const durations: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Docker's `until`: a span back from now (`24h`, `1h30m`), unix seconds, or a time. */
function moment(text: string, now: number): number {
  if (/^\d+(?:\.\d+)?$/.test(text)) return Number(text) * 1000;
  const spans = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
  if (spans.length > 0 && spans.map(([all]) => all).join("") === text)
    return (
      now - spans.reduce((sum, [, count, unit]) => sum + Number(count) * (durations[unit ?? ""] ?? 0), 0)
    );
  const time = Date.parse(text);
  if (!Number.isNaN(time)) return time;
  throw invalid(`cannot filter images: until is "${text}", wanted a time, unix seconds, or a span as 24h`);
}
