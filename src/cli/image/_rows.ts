/** An image as rows of `sampan images`: one for each name. */
import type { ImageSummary } from "../../spec/docker/images.ts";
import type { Row } from "../format.ts";
import { formatAge, formatTime } from "../text/age.ts";
import { shortId } from "../text/identifier.ts";
import { formatSize, formatTotal } from "../text/size.ts";

export const imageHeads = {
  Repository: "REPOSITORY",
  Tag: "TAG",
  ID: "IMAGE ID",
  Digest: "DIGEST",
  CreatedSince: "CREATED",
  CreatedAt: "CREATED AT",
  Size: "SIZE",
  SharedSize: "SHARED SIZE",
  UniqueSize: "UNIQUE SIZE",
  VirtualSize: "SIZE",
  Containers: "CONTAINERS",
} as const;

export interface RowOptions {
  /** A row for each digest too. */
  readonly digests: boolean;
  /** Whole ids. */
  readonly full: boolean;
  readonly now: Date;
}

const none = "<none>";

export function imageRows(image: ImageSummary, options: RowOptions): Row[] {
  return names(image, options.digests).map(({ repository, tag, digest }) => ({
    Repository: repository,
    Tag: tag,
    Digest: digest,
    ...columns(image, options),
  }));
}

function columns(image: ImageSummary, { full, now }: RowOptions): Row {
  const size = (bytes: number) => (bytes < 0 ? "N/A" : formatSize(bytes));
  return {
    ID: full ? image.Id : shortId(image.Id),
    CreatedSince: formatAge(image.Created, now),
    CreatedAt: formatTime(image.Created),
    Size: formatSize(image.Size),
    SharedSize: size(image.SharedSize),
    UniqueSize: size(image.SharedSize < 0 ? -1 : image.Size - image.SharedSize),
    VirtualSize: formatTotal(image.Size),
    Containers: image.Containers < 0 ? "N/A" : String(image.Containers),
  };
}

interface Name {
  readonly repository: string;
  readonly tag: string;
  readonly digest: string;
}

/** Tags and digests by repository; a repository with digests only has the tag `<none>`. */
function names(image: ImageSummary, withDigests: boolean): Name[] {
  const tags = group(image.RepoTags, ":");
  const digests = group(image.RepoDigests, "@");
  const repositories = [...new Set([...tags.keys(), ...digests.keys()])];
  if (repositories.length === 0) return [{ repository: none, tag: none, digest: none }];
  return repositories.flatMap((repository) => {
    const known = digests.get(repository) ?? [none];
    const shown = withDigests ? known : known.slice(0, 1);
    const own = tags.get(repository) ?? (tags.size > 0 ? [] : [none]);
    return own.flatMap((tag) => shown.map((digest) => ({ repository, tag, digest })));
  });
}

function group(references: readonly string[] | null, sign: ":" | "@"): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const reference of references ?? []) {
    const at = reference.lastIndexOf(sign);
    const repository = reference.slice(0, at);
    if (repository === none) continue;
    found.set(repository, [...(found.get(repository) ?? []), reference.slice(at + 1)]);
  }
  return found;
}
