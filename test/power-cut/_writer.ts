/**
 * A small program that stores a file in several ways, one right and the others wrong in one way each; and one that commits rows with SQLite. It says
 * `stored` or `row N` once its caller may rely on it. `bun _writer.ts WAY FOLDER`.
 */
import { Database } from "bun:sqlite";
import { closeSync, fdatasyncSync, fsyncSync, openSync, renameSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";

export const body = new Uint8Array(10_000).map((_, index) => 1 + (index % 251));

const [way = "", folder = ""] = import.meta.main ? process.argv.slice(2) : [];
const say = (words: string) => void writeSync(1, `${words}\n`);

function sync(path: string): void {
  const fd = openSync(path, "r");
  fsyncSync(fd);
  closeSync(fd);
}

function write(path: string, then: (fd: number) => void): void {
  const fd = openSync(path, "w");
  for (let at = 0; at < body.length;) at += writeSync(fd, body, at, body.length - at);
  then(fd);
  closeSync(fd);
}

function commitRows(synchronous: "FULL" | "OFF"): void {
  using db = new Database(join(folder, "rows.db"), { create: true });
  db.run("PRAGMA journal_mode = WAL");
  db.run(`PRAGMA synchronous = ${synchronous}`);
  db.run("PRAGMA wal_autocheckpoint = 4");
  db.run("CREATE TABLE rows (number INTEGER PRIMARY KEY, text TEXT NOT NULL)");
  say("row 0");
  for (let number = 1; number <= 12; number++) {
    db.query("INSERT INTO rows VALUES (?, ?)").run(number, "x".repeat(700 * number));
    say(`row ${number}`);
  }
}

const temporary = join(folder, "temporary");
const place = join(folder, "stored");
const nothing = () => {};

export const ways: Readonly<Record<string, () => void>> = {
  "in the right order": () => {
    write(temporary, fsyncSync);
    renameSync(temporary, place);
    sync(folder);
    say("stored");
  },
  "with fdatasync in the right order": () => {
    write(temporary, fdatasyncSync);
    renameSync(temporary, place);
    sync(folder);
    say("stored");
  },
  "without a sync of the file": () => {
    write(temporary, nothing);
    renameSync(temporary, place);
    sync(folder);
    say("stored");
  },
  "without a sync of the folder": () => {
    write(temporary, fsyncSync);
    renameSync(temporary, place);
    say("stored");
  },
  "with the sync of the file after its rename": () => {
    write(temporary, (fd) => {
      renameSync(temporary, place);
      fsyncSync(fd);
    });
    sync(folder);
    say("stored");
  },
  "in place": () => {
    write(place, fsyncSync);
    sync(folder);
    say("stored");
  },
  "with a promise before the sync": () => {
    write(temporary, fsyncSync);
    renameSync(temporary, place);
    say("stored");
    sync(folder);
  },
  "without any sync": () => {
    writeFileSync(place, body);
    say("stored");
  },
  "rows, synchronous FULL": () => commitRows("FULL"),
  "rows, synchronous OFF": () => commitRows("OFF"),
};

if (import.meta.main) ways[way]?.();
