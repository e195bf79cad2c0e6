/** Changes a folder in every way that node:fs and the kernel's door offer, partly through a child that shares a descriptor. `bun _everything.ts FOLDER`. */
import {
  appendFileSync,
  chmodSync,
  chownSync,
  closeSync,
  copyFileSync,
  fsyncSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  rmdirSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
  writeSync,
  writevSync,
} from "node:fs";
import { copyFile, open, writeFile } from "node:fs/promises";
import { makeNode, setTimes, setXattr } from "../../src/kernel/metadata.ts";

const [folder = ""] = process.argv.slice(2);
process.chdir(folder);
process.umask(0o027);
writeFileSync("kept", "changed");
mkdirSync("a/b/c", { recursive: true });
symlinkSync("../kept", "a/link");
symlinkSync("/nowhere", "dangling");
appendFileSync("a/link", " through a link");
linkSync("kept", "a/kept");
truncateSync("a/kept", 5);
makeNode("a/whiteout", 0o020000, 0n);
makeNode("a/null", 0o020644, 0x103n);
makeNode("a/pipe", 0o010600, 0n);
await writeFile("a/large", new Uint8Array(3_000_000).fill(7));
await copyFile("a/large", "a/copy");
copyFileSync("kept", "a/b/kept");
await Bun.write("bun", Bun.file("a/large"));
chownSync("bun", 1000, 1001);
chmodSync("bun", 0o4755);
chownSync("bun", 7, 8);
setXattr("bun", "user.word", new TextEncoder().encode("a\0b"));
setXattr("a/b", "trusted.overlay.opaque", new TextEncoder().encode("y"));
setXattr("dangling", "trusted.word", new TextEncoder().encode("z"));
setTimes("bun", 1n, 1_700_000_000_123_456_789n);
setTimes("dangling", 1n, -5n);
renameSync("a/b", "moved");
renameSync("bun", "kept");
const fd = openSync("offsets", "w+");
writeSync(fd, "0123456789");
writevSync(fd, [Buffer.from("ab"), Buffer.from("cd")]);
writeSync(fd, "at 20", 20);
readSync(fd, new Uint8Array(3), 0, 3, 0);
await Bun.spawn(["/bin/echo", "from a child"], { stdout: fd }).exited;
writeSync(fd, "after the child");
ftruncateSync(fd, 60);
fsyncSync(fd);
closeSync(fd);
await using handle = await open("handle", "a+");
await handle.write("one");
await handle.write("two");
await handle.sync();
mkdirSync("gone/deep", { recursive: true });
writeFileSync("gone/deep/file", "x");
rmSync("gone", { recursive: true });
mkdirSync("brief");
rmdirSync("brief");
unlinkSync("a/pipe");
setTimes("moved", 1n, 42n);
