import { expect, test } from "bun:test";
import { follow } from "../../tools/power-cut/follow.ts";
import { splitArguments, TraceReader, type Call } from "../../tools/power-cut/trace.ts";
import { Tree } from "../../tools/power-cut/tree.ts";

const hex = (text: string) =>
  [...Buffer.from(text, "latin1")].map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("");
const fd = (number: number, path: string) => `${number}<${hex(path)}>`;
const cwd = `AT_FDCWD<${hex("/root")}>`;

function read(lines: readonly string[]): Call[] {
  const reader = new TraceReader();
  return lines.flatMap((line) => reader.line(line) ?? []);
}

function operations(lines: readonly string[]): string[] {
  const start = { tree: new Tree(), root: "/root", folder: "/root", umask: 0o022, output: "/out" };
  const { operations: found, lost } = follow(read(lines), start);
  return [...found.map(({ text }) => text), ...lost];
}

test("arguments are split at outer commas only", () => {
  expect(
    splitArguments(`3<${hex("/a,b")}>, {flags=O_RDWR|O_CREAT, mode=0644}, "${hex("x, y")}", [{a=1}, {b=2}]`),
  ).toEqual([`3<${hex("/a,b")}>`, "{flags=O_RDWR|O_CREAT, mode=0644}", `"${hex("x, y")}"`, "[{a=1}, {b=2}]"]);
  expect(splitArguments("")).toEqual([]);
});

test("a call that another one interrupts is one call, with both of its lines", () => {
  const calls = read([
    `10 fsync(${fd(3, "/root/a")} <unfinished ...>`,
    `11 mkdir("${hex("/root/b")}", 0755) = 0`,
    "10 <... fsync resumed>) = 0",
  ]);
  expect(calls.map(({ name, begin, end }) => [name, begin, end])).toEqual([
    ["mkdir", 2, 2],
    ["fsync", 1, 3],
  ]);
});

test("calls that a killed process never came out of are none", () => {
  expect(read(["10 ???( <detached ...>", "11 exit_group(0) = ?", "12 +++ killed by SIGKILL +++"])).toEqual(
    [],
  );
});

test("a string that strace has cut short is an error, not shorter data", () => {
  expect(() => read([`10 write(${fd(3, "/root/a")}, "${hex("abc")}"..., 9) = 9`])).toThrow(
    "cut a string short",
  );
});

test("calls that fail, and calls outside of the data root, are no operations", () => {
  const lines = [
    `10 mkdir("${hex("/root/a")}", 0755) = -1 EEXIST (File exists)`,
    `10 mkdir("${hex("/rooted/a")}", 0755) = 0`,
    `10 openat(${cwd}, "${hex("/etc/x")}", O_WRONLY|O_CREAT, 0644) = ${fd(3, "/etc/x")}`,
    `10 write(${fd(3, "/etc/x")}, "${hex("abc")}", 3) = 3`,
  ];
  expect(operations(lines)).toEqual([]);
});

test("offsets are followed through lseek, read, dup and fork", () => {
  const file = "/root/f";
  const lines = [
    `10 openat(${cwd}, "${hex("f")}", O_RDWR|O_CREAT, 0644) = ${fd(3, file)}`,
    `10 write(${fd(3, file)}, "${hex("abcdef")}", 6) = 6`,
    `10 lseek(${fd(3, file)}, 1, SEEK_SET) = 1`,
    `10 read(0x3, 0x7fff0000, 0x2) = 0x2`,
    `10 dup(${fd(3, file)}) = ${fd(4, file)}`,
    `10 write(${fd(4, file)}, "${hex("X")}", 1) = 1`,
    `10 clone(child_stack=NULL, flags=CLONE_CHILD_CLEARTID|SIGCHLD <unfinished ...>`,
    `11 write(${fd(3, file)}, "${hex("YZ")}", 2) = 2`,
    `10 <... clone resumed>) = 11`,
    `10 write(${fd(3, file)}, "${hex("!")}", 1) = 1`,
  ];
  expect(operations(lines)).toEqual(["openat f", "write f 0+6", "write f 3+1", "write f 4+2", "write f 6+1"]);
});

test("what a trace cannot show is said", () => {
  const map = `10 mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_SHARED, ${fd(3, "/root/f")}, 0) = 0x7f0000000000`;
  expect(operations([map])).toEqual([`writes through memory to "/root/f"`]);
  expect(operations([map.replace(hex("/root/f"), hex("/root/f-shm"))])).toEqual([]);
  expect(operations(["10 io_uring_setup(8, {flags=0}) = 5"])).toEqual(["operations through io_uring"]);
});

test("a path leads through symlinks and points within the data root", () => {
  const lines = [
    `10 mkdir("${hex("/root/a")}", 0755) = 0`,
    `10 symlink("${hex("../b")}", "${hex("/root/a/l")}") = 0`,
    `10 mkdir("${hex("/root/b")}", 0755) = 0`,
    `10 mkdirat(${fd(5, "/root/a")}, "${hex("l/c")}", 0755) = 0`,
    `10 rename("${hex("/root/a/../b/c")}", "${hex("/root/d")}") = 0`,
  ];
  expect(operations(lines).slice(3)).toEqual(["mkdirat b/c", "rename b/c to d"]);
});
