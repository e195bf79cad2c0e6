/** The guest's root disk: an ext4 image made from a list of files, kept in build/vm under the digest of that list. */
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import { dirname, join } from "node:path";

/** One file of the guest: a copy of one of the host's, a text, or a symbolic link. */
export type GuestFile =
  | { readonly path: string; readonly from: string }
  | { readonly path: string; readonly text: string; readonly mode: number }
  | { readonly path: string; readonly link: string };

/** Room for what the guest writes. The image is sparse, and a machine's writes go to a temporary file that ends with it. */
const freeMiB = 512;

/** Older images than these are removed: one holds a whole executable, and every build of it makes a new image. */
const keptImages = 6;

export interface ImageOptions {
  readonly files: readonly GuestFile[];
  /** Where images are kept. */
  readonly cacheFolder: string;
  /** A root file system that the files are added to. It is not changed, and its path stands for what is in it. */
  readonly base?: string;
}

/** The path of an image with these files, made if it is not there yet. Missing folders are made. */
export function diskImage({ files, cacheFolder, base }: ImageOptions): string {
  const image = join(cacheFolder, `${digestOf(files, base)}.ext4`);
  if (fs.existsSync(image)) {
    fs.utimesSync(image, new Date(), new Date());
    return image;
  }
  fs.mkdirSync(cacheFolder, { recursive: true });
  const work = fs.mkdtempSync(join(cacheFolder, "making-"));
  try {
    const content = join(work, "content");
    if (base !== undefined) linkTree(base, content);
    for (const file of files) place(file, content);
    format(content, join(work, "image"), megabytes(content) + freeMiB);
    fs.renameSync(join(work, "image"), image);
  } finally {
    fs.rmSync(work, { recursive: true, force: true });
  }
  removeOld(cacheFolder);
  return image;
}

/**
 * A program of the host with every library that its dynamic linker would load, each at the path that it has on the host.
 *
 * @param path where the program goes in the guest.
 */
export function programFiles(from: string, path = from): GuestFile[] {
  const { stdout } = Bun.spawnSync(["ldd", from], { env: { ...process.env, LC_ALL: "C" } });
  const libraries = [...stdout.toString().matchAll(/(\/\S+) \(0x/g)].map((match) => match[1] ?? "");
  return [{ path, from }, ...libraries.map((library) => ({ path: library, from: fs.realpathSync(library) }))];
}

function digestOf(files: readonly GuestFile[], base = ""): string {
  const hash = createHash("sha256").update(base);
  for (const file of files) {
    hash.update(JSON.stringify(file));
    if (!("from" in file)) continue;
    const { size, mtimeMs } = fs.statSync(file.from);
    hash.update(`${size} ${mtimeMs}\n`);
  }
  return hash.digest("hex").slice(0, 32);
}

/** A copy by hard links. */
function linkTree(from: string, to: string): void {
  const copied = Bun.spawnSync(["cp", "--archive", "--link", from, to]);
  if (!copied.success) throw new Error(`cannot copy "${from}": ${copied.stderr.toString().trim()}`);
}

function place(file: GuestFile, content: string): void {
  const target = join(content, file.path);
  fs.mkdirSync(dirname(target), { recursive: true });
  // It may be a link to a file of the base.
  fs.rmSync(target, { force: true });
  if ("link" in file) fs.symlinkSync(file.link, target);
  else if ("text" in file) fs.writeFileSync(target, file.text, { mode: file.mode });
  else fs.copyFileSync(file.from, target, fs.constants.COPYFILE_FICLONE);
}

function megabytes(folder: string): number {
  const files = fs.readdirSync(folder, { recursive: true, encoding: "utf8" });
  const bytes = files.reduce((sum, file) => sum + fs.lstatSync(join(folder, file)).size, 0);
  return Math.ceil(bytes / 2 ** 20);
}

function format(content: string, image: string, sizeMiB: number): void {
  const command = ["mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-m", "0", "-E", "root_owner=0:0"];
  const made = Bun.spawnSync([...command, "-d", content, image, `${sizeMiB}M`]);
  if (!made.success) throw new Error(`cannot make disk image "${image}": ${made.stderr.toString().trim()}`);
}

function removeOld(folder: string): void {
  const images = fs.readdirSync(folder).filter((name) => name.endsWith(".ext4"));
  const byAge = images
    .map((name) => join(folder, name))
    .sort((a, b) => fs.statSync(b).mtimeMs - fs.statSync(a).mtimeMs);
  for (const image of byAge.slice(keptImages)) fs.rmSync(image, { force: true });
}
