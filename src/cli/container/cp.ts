/** `sampan cp`. */
import { lstat, stat } from "node:fs/promises";
import { join, posix } from "node:path";
import { invalid, SampanError } from "../../base/errors.ts";
import type { DaemonClient, PathStat } from "../client/daemon.ts";
import { define } from "../command.ts";
import { extractTo } from "../copy/extract.ts";
import { packPath } from "../copy/pack.ts";
import { cutPath, meansContents, meansFolder, parsePlace, type Place } from "../copy/place.ts";
import type { Io } from "../io.ts";
import { printable } from "../text/identifier.ts";
import { formatTotal } from "../text/size.ts";

interface Way {
  readonly daemon: DaemonClient;
  readonly io: Pick<Io, "input" | "out" | "err" | "signal">;
  readonly keepOwner: boolean;
  readonly followLink: boolean;
  readonly quiet: boolean;
}

type Inside = Extract<Place, { kind: "container" }>;

/** Types in the upper bits of Go's file mode. */
const goFolder = 2 ** 31;
const goSymlink = 2 ** 27;
const has = (status: PathStat, bit: number) => Math.floor(status.mode / bit) % 2 === 1;

async function tell({ io, quiet }: Way, size: number, to: string): Promise<void> {
  if (!quiet) await io.err.write(`Successfully copied ${formatTotal(size)} to ${printable(to)}\n`);
}

async function toStream(from: Inside, { daemon, io }: Way): Promise<void> {
  if (io.out.size())
    throw new SampanError(
      "failed_precondition",
      "cannot write an archive to a terminal: name a folder or redirect standard output",
    );
  const { archive } = await daemon.copyFrom(from.container, from.path, { signal: io.signal });
  for await (const bytes of archive) await io.out.write(bytes);
}

/** The path on this side that the archive's first name becomes. */
async function destination(
  path: string,
  source: { name: string; folder: boolean; contents: boolean },
): Promise<string> {
  const there = await stat(path).catch(() => undefined);
  if (!there) {
    const parent = await stat(cutPath(path).folder).catch(() => undefined);
    if (!parent?.isDirectory())
      throw new SampanError(
        "not_found",
        `cannot copy to "${path}": there is no folder "${cutPath(path).folder}"`,
      );
    if (meansFolder(path) && !source.folder)
      throw new SampanError("not_found", `cannot copy to "${path}": there is no such folder`);
    return path;
  }
  if (there.isDirectory()) return source.contents ? path : join(path, source.name);
  if (source.folder) throw invalid(`cannot copy a folder to "${path}": it is a file`);
  if (meansFolder(path)) throw invalid(`cannot copy to "${path}": it is no folder`);
  return path;
}

async function resolved(daemon: DaemonClient, from: Inside, followLink: boolean): Promise<Inside> {
  if (!followLink) return from;
  const found = await daemon.statPath(from.container, from.path);
  if (!has(found, goSymlink)) return from;
  return { ...from, path: posix.resolve(posix.dirname(from.path), found.linkTarget) };
}

async function toLocal(source: Inside, path: string, way: Way): Promise<void> {
  const { daemon, io } = way;
  const from = await resolved(daemon, source, way.followLink);
  const { stat: found, archive } = await daemon.copyFrom(from.container, from.path, { signal: io.signal });
  const to = await destination(path, {
    // A link that is followed keeps the name that was asked for.
    name: posix.basename(source.path) || found.name,
    folder: has(found, goFolder),
    contents: meansContents(from.path),
  });
  const { size, left } = await extractTo(to, archive);
  for (const name of left)
    await io.err.write(`WARNING: left out ${printable(name)}: it is a device or a pipe\n`);
  await tell(way, size, path);
}

async function inside(
  daemon: DaemonClient,
  to: Inside,
): Promise<{ path: string; status: PathStat | undefined }> {
  const status = await daemon.statPath(to.container, to.path).catch((error: unknown) => {
    if (SampanError.from(error).code !== "not_found") throw error;
    return undefined;
  });
  if (!status || !has(status, goSymlink)) return { path: to.path, status };
  const path = posix.resolve(posix.dirname(to.path), status.linkTarget);
  return { path, status: await daemon.statPath(to.container, path).catch(() => undefined) };
}

async function toContainer(from: string, to: Inside, way: Way): Promise<void> {
  const { daemon, io, keepOwner, followLink } = way;
  const own = await (followLink ? stat(from) : lstat(from)).catch((error: Error) => {
    throw new SampanError("not_found", `cannot copy "${from}": ${error.message}`, { cause: error });
  });
  const { path, status } = await inside(daemon, to);
  const intoFolder = status !== undefined && has(status, goFolder);
  if (!intoFolder && own.isDirectory() && status)
    throw invalid(`cannot copy a folder to "${to.path}": it is a file`);
  if (!intoFolder && !own.isDirectory() && meansFolder(to.path))
    throw new SampanError(
      "not_found",
      `cannot copy to "${to.path}": there is no such folder in the container`,
    );
  const folder = intoFolder ? path : posix.dirname(path);
  const contents = intoFolder && meansContents(from);
  const as = contents ? "" : intoFolder ? cutPath(from).name : posix.basename(path);
  const { archive, size } = packPath(from, { as, followLink, keepOwner });
  await daemon.copyTo(to.container, folder, { archive, keepOwner, signal: io.signal });
  await tell(way, size(), `${to.container}:${to.path}`);
}

async function fromStream(to: Inside, { daemon, io, keepOwner }: Way): Promise<void> {
  const { path, status } = await inside(daemon, to);
  if (!status || !has(status, goFolder)) throw invalid(`cannot unpack to "${to.path}": it is no folder`);
  await daemon.copyTo(to.container, path, { archive: io.input.bytes(), keepOwner, signal: io.signal });
}

export const command = define({
  summary: "Copy between a container and this side",
  usage: "[OPTIONS] CONTAINER:PATH PATH|- | [OPTIONS] PATH|- CONTAINER:PATH",
  flags: {
    archive: { kind: "yes", short: "a", help: "Keep users and groups, by number" },
    "follow-link": { kind: "yes", short: "L", help: "A symlink is what it leads to" },
    quiet: { kind: "yes", short: "q", help: "Say nothing" },
  },
  words: { least: 2, most: 2 },
  more: "`PATH/.` is what is in a folder. `-` is a tar archive on standard input or output.",
  examples: [
    ["cp web:/etc/nginx .", "A folder, to this one"],
    ["cp index.html web:/srv/", "A file, into a folder"],
    ["cp web:/var/log - ", "A tar archive, for a pipe"],
  ],
  run: async ({ flags, words: [source = "", target = ""], daemon: open, ...io }) => {
    const from = parsePlace(source);
    const to = parsePlace(target);
    if (from.kind === "container" && to.kind === "container")
      throw invalid("cannot copy between two containers: copy to a folder of this side first");
    if (from.kind !== "container" && to.kind !== "container")
      throw invalid("cannot copy: one side must be CONTAINER:PATH");
    const way: Way = {
      daemon: await open(),
      io,
      keepOwner: flags.archive,
      followLink: flags["follow-link"],
      quiet: flags.quiet,
    };
    if (from.kind === "container")
      await (to.kind === "local" ? toLocal(from, to.path, way) : toStream(from, way));
    else if (to.kind === "container")
      await (from.kind === "local" ? toContainer(from.path, to, way) : fromStream(to, way));
    return 0;
  },
});
