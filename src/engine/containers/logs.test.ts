import { afterAll, describe, expect, test } from "bun:test";
import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LogEntry, LogQuery } from "./life.ts";
import { nanoseconds, RecordReader } from "./logs-record.ts";
import { readLogFiles } from "./logs.ts";

const root = mkdtempSync(join(tmpdir(), "sampan-logs-"));
afterAll(() => rmSync(root, { recursive: true }));

const timeOf = (n: number) =>
  `2026-11-21T10:00:${`${Math.floor(n / 1000) % 60}`.padStart(2, "0")}.${`${n % 1000}`.padStart(3, "0")}000001Z`;
const line = (n: number, text = `line ${n}`, stream = "stdout", tag = "F") =>
  `${timeOf(n)} ${stream} ${tag} ${text}\n`;

/** Of logs, in this process. */
function openFiles(): number {
  return readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(root);
    } catch {
      return false;
    }
  }).length;
}

let count = 0;
/** Files newest first. */
function log(...files: string[]): string {
  const path = join(mkdtempSync(join(root, `${count++}-`)), "log");
  files.forEach((text, number) => writeFileSync(number === 0 ? path : `${path}.${number}`, text));
  return path;
}

const all: LogQuery = { stdout: true, stderr: true, follow: false, signal: new AbortController().signal };

async function read(
  path: string,
  query: Partial<LogQuery> = {},
  running?: Promise<unknown>,
): Promise<string[]> {
  const found: string[] = [];
  for await (const entries of readLogFiles(path, { ...all, ...query }, running))
    for (const { text } of entries) found.push(Buffer.from(text).toString());
  return found;
}

const numbered = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => line(from + index)).join("");
const texts = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => `line ${from + index}\n`);

describe("records", () => {
  const text =
    line(1) +
    line(2, "first ", "stdout", "P") +
    line(3, "err", "stderr") +
    line(4, "second") +
    line(5, "") +
    line(6, "no end", "stdout", "P");
  const expected = ["line 1\n", "first ", "err\n", "second\n", "\n", "no end"];

  test("a record's text has its line end, a piece has none", () => {
    const entries = new RecordReader().take(Buffer.from(text));
    expect(entries.map((entry) => Buffer.from(entry.text).toString())).toEqual(expected);
    expect(entries[2]).toMatchObject({ stream: "stderr", time: timeOf(3) });
  });

  test("it does not matter how the bytes come", () => {
    for (let step = 1; step < 70; step++) {
      const reader = new RecordReader();
      const found: LogEntry[] = [];
      for (let at = 0; at < text.length; at += step)
        found.push(...reader.take(Buffer.from(text.slice(at, at + step))));
      expect(found.map((entry) => Buffer.from(entry.text).toString())).toEqual(expected);
    }
  });

  test("what a crash has cut is left out, and the record behind it is found", () => {
    const cut = line(2).slice(0, 20);
    const entries = new RecordReader().take(Buffer.from(`${line(1)}${cut}${line(3)}garbage\n${line(4)}`));
    expect(entries.map((entry) => Buffer.from(entry.text).toString())).toEqual([
      "line 1\n",
      "line 3\n",
      "line 4\n",
    ]);
  });

  test("a record of any length takes no more memory than a block", () => {
    const reader = new RecordReader();
    let length = 0;
    let most = 0;
    const take = (bytes: Buffer) => {
      for (const entry of reader.take(bytes)) length += entry.text.length;
      most = Math.max(most, reader.waiting);
    };
    take(Buffer.from(line(1, "").slice(0, -1)));
    for (let n = 0; n < 100; n++) take(Buffer.alloc(100_000, "x"));
    take(Buffer.from(`\n${line(2, "end")}`));
    expect(length).toBe(10_000_001 + 4);
    expect(most).toBeLessThanOrEqual(64 << 10);
  });

  test("a time is read to the nanosecond", () => {
    expect(nanoseconds("1970-01-01T00:00:01.000000001Z")).toBe(1_000_000_001n);
    expect(nanoseconds("1970-01-01T02:00:00.5+02:00")).toBe(500_000_000n);
    expect(nanoseconds("yesterday")).toBeUndefined();
  });
});

describe("reading", () => {
  const path = log(numbered(2001, 3000), numbered(1001, 2000), numbered(1, 1000));

  test("all files are read, the oldest first", async () => {
    expect(await read(path)).toEqual(texts(1, 3000));
  });

  test.each([0, 1, 2, 999, 1000, 1001, 2000, 2500, 2999, 3000, 9999])("the last %i lines", async (tail) => {
    expect(await read(path, { tail })).toEqual(texts(Math.max(1, 3001 - tail), 3000));
  });

  test("since and until are inclusive", async () => {
    const [since, until] = [1500, 1502].map((n) => nanoseconds(timeOf(n)) as bigint);
    expect(await read(path, { since: since as bigint, until: until as bigint })).toEqual(texts(1500, 1502));
  });

  test("one stream alone", async () => {
    const mixed = log(line(1) + line(2, "bad", "stderr") + line(3));
    expect(await read(mixed, { stdout: false })).toEqual(["bad\n"]);
    expect(await read(mixed, { stderr: false })).toEqual(["line 1\n", "line 3\n"]);
  });

  test("a line of several records is one line for tail, one without end too", async () => {
    const pieces = log(
      line(1) +
        line(2, "a", "stdout", "P") +
        line(3, "b", "stdout", "P") +
        line(4, "c") +
        line(5, "open", "stdout", "P"),
    );
    expect(await read(pieces, { tail: 1 })).toEqual(["open"]);
    expect(await read(pieces, { tail: 2 })).toEqual(["a", "b", "c\n", "open"]);
    expect(await read(pieces, { tail: 3 })).toEqual(["line 1\n", "a", "b", "c\n", "open"]);
  });

  test("a torn end is no line", async () => {
    const torn = log(numbered(1, 5) + line(6).slice(0, 40));
    expect(await read(torn)).toEqual(texts(1, 5));
    expect(await read(torn, { tail: 2 })).toEqual(texts(4, 5));
  });

  test("long lines lie across the blocks that tail reads backwards", async () => {
    const long = (n: number) => `${n}`.padStart(15_000 + n, "x");
    const text = Array.from({ length: 40 }, (_, n) => line(n, long(n))).join("");
    for (const tail of [1, 4, 5, 39]) {
      const found = await read(log(text), { tail });
      expect(found.map((each) => each.length)).toEqual(
        Array.from({ length: tail }, (_, n) => 15_000 + 40 - tail + n + 1),
      );
    }
  });

  test("however many files there are, two are open at most", async () => {
    const path = log(...Array.from({ length: 40 }, (_, n) => numbered((39 - n) * 10 + 1, (40 - n) * 10)));
    let most = 0;
    const found: string[] = [];
    for await (const entries of readLogFiles(path, all, undefined)) {
      most = Math.max(most, openFiles());
      for (const { text } of entries) found.push(Buffer.from(text).toString());
    }
    expect(found).toEqual(texts(1, 400));
    expect(most).toBeLessThanOrEqual(2);
    expect(await read(path, { tail: 395 })).toEqual(texts(6, 400));
  });

  test("what is written while it is read does not keep it going", async () => {
    const path = log(numbered(1, 10));
    let count = 0;
    for await (const entries of readLogFiles(path, all, undefined)) {
      count += entries.length;
      appendFileSync(path, numbered(1, 10));
    }
    expect(count).toBe(10);
  });

  test("no log is an empty one", async () => {
    expect(await read(join(root, "nothing"))).toEqual([]);
  });
});

describe("following", () => {
  const rotate = (path: string, keep: number) => {
    for (let n = keep - 1; n >= 0; n--) {
      const from = n === 0 ? path : `${path}.${n}`;
      try {
        renameSync(from, `${path}.${n + 1}`);
      } catch {
        continue;
      }
    }
    try {
      unlinkSync(`${path}.${keep}`);
    } catch {
      // not that many yet
    }
    writeFileSync(path, "");
  };

  test("goes on over rotations until the container has ended", async () => {
    const path = log(numbered(1, 10));
    const end = Promise.withResolvers<void>();
    const found: string[] = [];
    const waiters: { wanted: number; resolve: () => void }[] = [];
    const until = (wanted: number) => new Promise<void>((resolve) => waiters.push({ wanted, resolve }));
    const reading = (async () => {
      for await (const entries of readLogFiles(path, { ...all, follow: true }, end.promise)) {
        for (const { text } of entries) found.push(Buffer.from(text).toString());
        for (const { wanted, resolve } of waiters) if (found.length >= wanted) resolve();
      }
    })();
    await until(10);
    appendFileSync(path, line(11).slice(0, 30));
    appendFileSync(path, line(11).slice(30));
    await until(11);
    rotate(path, 10);
    appendFileSync(path, numbered(12, 20));
    await until(20);
    // Several at once, while nobody looks.
    for (let n = 0; n < 5; n++) {
      appendFileSync(path, numbered(21 + n * 10, 30 + n * 10));
      rotate(path, 10);
    }
    await until(70);
    appendFileSync(path, numbered(71, 75));
    end.resolve();
    await reading;
    expect(found).toEqual(texts(1, 75));
  });

  test("ends with the signal, and closes what it opened", async () => {
    const path = log(numbered(1, 3));
    const stop = new AbortController();
    const query = { ...all, follow: true, signal: stop.signal };
    for await (const entries of readLogFiles(path, query, new Promise(() => {})))
      if (entries.length > 0) stop.abort();
    expect(openFiles()).toBe(0);
    for await (const _ of readLogFiles(
      path,
      { ...query, signal: new AbortController().signal },
      new Promise(() => {}),
    ))
      break;
    expect(openFiles()).toBe(0);
  });

  test("of one that does not run it is a plain reading", async () => {
    expect(await read(log(numbered(1, 3)), { follow: true })).toEqual(texts(1, 3));
  });
});
