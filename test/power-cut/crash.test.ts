import { describe, expect, test } from "bun:test";
import { choicesFor } from "../../tools/power-cut/choices.ts";
import { readContent } from "../../tools/power-cut/content.ts";
import { Crash, type Choice, type Model } from "../../tools/power-cut/crash.ts";
import type { Change, Operation } from "../../tools/power-cut/operations.ts";
import { plainFolder, rootInode, Tree, type Node } from "../../tools/power-cut/tree.ts";

let line = 0;
const span = (text: string) => ({ begin: ++line, end: line, text });
const file: Node = { ...plainFolder, kind: "file", mode: 0o644 };
const effect = (text: string, changes: readonly Change[], born: [number, Node][] = []): Operation => ({
  kind: "effect",
  changes,
  born,
  ...span(text),
});
const entry = (name: string, to: number | undefined, inode = rootInode): Change => ({
  kind: "entry",
  inode,
  name,
  to,
});
const create = (name: string, inode: number, node = file) =>
  effect(`create ${name}`, [entry(name, inode)], [[inode, node]]);
const write = (inode: number, offset: number, text: string) =>
  effect("write", [{ kind: "data", inode, offset, bytes: new TextEncoder().encode(text) }]);
const truncate = (inode: number, size: number) => effect("truncate", [{ kind: "size", inode, size }]);
const sync = (inode: number | undefined, dataOnly = false): Operation => ({
  kind: "sync",
  inode,
  dataOnly,
  ...span("sync"),
});

/** Path and content of each file, of every state that the cut may leave. */
function states(operations: readonly Operation[], model: Model, before = new Tree()): Set<string> {
  const crash = new Crash(before, model);
  for (const operation of operations) crash.advance(operation);
  const choices = choicesFor(crash.pending, crash.position, { model, seed: 7, random: 60 });
  return new Set(choices.map((choice) => show(crash.state(choice))));
}

function show(tree: Tree): string {
  const files = [...tree.walk()].filter(([path]) => path !== "");
  return files
    .map(([path, inode]) => {
      const { node, content } = tree.get(inode);
      return node.kind === "folder"
        ? `${path}/`
        : `${path}=${Buffer.from(readContent(content)).toString("latin1").replaceAll("\0", "0")}`;
    })
    .join(" ");
}

for (const model of ["posix", "ext4"] as const)
  describe(`model ${model}`, () => {
    test("what no sync covers may be there, not be there, or be there without its bytes", () => {
      const found = states([create("a", 2), write(2, 0, "abc")], model);
      expect(found).toEqual(new Set(model === "posix" ? ["", "a=", "a=000", "a=abc"] : ["", "a=", "a=abc"]));
    });

    test("what syncs of the file and of its folder cover is there", () => {
      expect(states([create("a", 2), write(2, 0, "abc"), sync(2), sync(rootInode)], model)).toEqual(
        new Set(["a=abc"]),
      );
      expect(states([create("a", 2), write(2, 0, "abc"), sync(undefined)], model)).toEqual(
        new Set(["a=abc"]),
      );
    });

    test("a rename over a file leaves the old one or the new one, never none", () => {
      const operations = [
        create("a", 2),
        write(2, 0, "old"),
        create("b", 3),
        write(3, 0, "new"),
        sync(undefined),
      ];
      const rename = effect("rename b a", [entry("a", 3), entry("b", undefined)]);
      expect(states([...operations, rename], model)).toEqual(new Set(["a=old b=new", "a=new"]));
    });

    test("a sync does not cover what ended after it began", () => {
      const made = [create("a", 2), sync(undefined)];
      const begun = ++line;
      const slow = write(2, 0, "abc");
      const late: Operation = {
        kind: "sync",
        inode: 2,
        dataOnly: false,
        begin: begun,
        end: ++line,
        text: "fsync",
      };
      expect(states([...made, slow, late], model)).toContain("a=");
    });

    test("what follows a lost truncation is lost too", () => {
      const operations = [
        create("a", 2),
        write(2, 0, "oldold"),
        sync(undefined),
        truncate(2, 0),
        write(2, 0, "new"),
      ];
      const found = states(operations, model);
      expect([...found].filter((state) => !["a=", "a=000", "a=new", "a=oldold"].includes(state))).toEqual([]);
      expect(found).toContain("a=oldold");
      expect(found).toContain("a=");
    });

    test("the same seed gives the same states, in the same order", () => {
      const operations = [create("a", 2), write(2, 0, "x".repeat(20_000)), create("b", 3), write(3, 0, "y")];
      const list = () => {
        const crash = new Crash(new Tree(), model);
        for (const operation of operations) crash.advance(operation);
        return choicesFor(crash.pending, 4, { model, seed: 3, random: 9 }).map((choice) =>
          crash.state(choice).key(),
        );
      };
      expect(list()).toEqual(list());
    });
  });

test("posix: a sync of a file does not bring its name", () => {
  expect(states([create("a", 2), write(2, 0, "abc"), sync(2)], "posix")).toEqual(new Set(["", "a=abc"]));
});

test("ext4: a sync of a new file brings its name, and all names before it, but not the others' bytes", () => {
  const operations = [create("z", 3), write(3, 0, "zzz"), create("a", 2), write(2, 0, "abc"), sync(2)];
  expect(states(operations, "ext4")).toEqual(new Set(["a=abc z=", "a=abc z=zzz"]));
});

test("posix: a rename to another folder may leave both names until both folders are synced", () => {
  const made = [create("f", 2, plainFolder), create("a", 3), sync(undefined)];
  const move = effect("rename a f/a", [entry("a", 3, 2), entry("a", undefined)]);
  expect(states([...made, move], "posix")).toEqual(new Set(["a= f/", "a= f/ f/a=", "f/ f/a="]));
  expect(states([...made, move, sync(2)], "posix")).toEqual(new Set(["a= f/ f/a=", "f/ f/a="]));
});

test("posix: fdatasync covers bytes and length, not owner and mode", () => {
  const change = effect("chmod", [{ kind: "meta", inode: 2, set: { mode: 0o4755 } }]);
  const crash = new Crash(new Tree(), "posix");
  for (const operation of [create("a", 2), sync(rootInode), write(2, 0, "abc"), change, sync(2, true)])
    crash.advance(operation);
  const lost = choicesFor(crash.pending, 5, { model: "posix", seed: 1, random: 0 })[0] as Choice;
  const { node, content } = crash.state(lost).get(2);
  expect([node.mode, content.size]).toEqual([0o644, 3]);
});

test("a write over several blocks may be there in part, and the last one torn at a sector", () => {
  const before = [create("a", 2), write(2, 0, "o".repeat(12_288)), sync(undefined)];
  const found = states([...before, write(2, 0, "n".repeat(12_288))], "posix");
  const shapes = new Set(
    [...found].map((state) =>
      state.replace("a=", "").replaceAll(/(.)\1*/g, (run) => `${run[0]}${run.length} `),
    ),
  );
  expect(shapes).toContain("o4096 n8192 ");
  expect(shapes).toContain("n8704 o3584 ");
});

test("ext4: a time that its owner has set stays, though the bytes come to the disk after it", () => {
  const dated = effect("utimensat", [{ kind: "meta", inode: 2, set: { modified: 42n } }]);
  const crash = new Crash(new Tree(), "ext4");
  const operations = [create("a", 2), write(2, 0, "abc"), dated, create("b", 3), sync(3), sync(undefined)];
  for (const operation of operations) crash.advance(operation);
  const [choice] = choicesFor(crash.pending, 6, { model: "ext4", seed: 1, random: 0 });
  expect(crash.state(choice as Choice).get(2).node.modified).toBe(42n);
});
