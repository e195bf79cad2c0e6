/** A data root whose database is gone or damaged: what is said, what goes on, and what no collection takes of itself. */
import { afterAll, beforeAll, expect } from "bun:test";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { tar } from "../images/tar.ts";
import { needing } from "../needs.ts";
import { makeProgram, type Program } from "./_program.ts";

const { test } = needing({ root: true, files: ["/bin/busybox"] });

let program: Program;
let archive: Uint8Array;

beforeAll(async () => {
  program = makeProgram();
  const content = await Bun.file("/bin/busybox").bytes();
  archive = tar([
    { name: "bin/", type: "directory", mode: 0o755 },
    { name: "bin/sh", content, mode: 0o755 },
  ]);
});
afterAll(() => program?.[Symbol.dispose]());

const at = (name: string) => join(program.folder, "root", name);

/** Files that containers wrote, below the folders of all snapshots. */
function written(): string[] {
  return ["overlayfs", "copy"].flatMap((driver) =>
    (existsSync(at(`snapshots/${driver}`)) ? readdirSync(at(`snapshots/${driver}`)) : [])
      .map((id) => at(`snapshots/${driver}/${id}/fs/kept`))
      .filter((path) => existsSync(path)),
  );
}

test("without its database a root goes on, and keeps what containers wrote until that is asked for", async () => {
  expect(await program.run(["import", "-", "box"], archive)).toMatchObject({ status: 0 });
  const wrote = await program.run([
    "run",
    "--network",
    "none",
    "--name",
    "writer",
    "box",
    "/bin/sh",
    "-c",
    "echo precious > /kept",
  ]);
  expect(wrote).toMatchObject({ status: 0, err: "" });
  const [file = ""] = written();
  for (const name of ["sampan.db", "sampan.db-wal", "sampan.db-shm"]) rmSync(at(name), { force: true });

  expect(await program.run(["import", "-", "box"], archive)).toMatchObject({ status: 0, err: "" });
  expect(
    await program.run(["run", "--network", "none", "--rm", "box", "/bin/sh", "-c", "true"]),
  ).toMatchObject({
    status: 0,
    err: "",
  });
  expect(await program.run(["image", "prune", "-af"])).toMatchObject({ status: 0, err: "" });
  expect(readFileSync(file, "utf8")).toBe("precious\n");

  const [driver, id] = file.split("/").slice(-4);
  const check = await program.run(["system", "check"]);
  expect(check.out + check.err).toContain(
    `snapshots/${driver}/${id} has no row: it is older than the database, and perhaps what a container wrote`,
  );
  expect(existsSync(file)).toBe(true);
  await program.run(["system", "check", "--repair"]);
  expect(written()).toEqual([]);
  expect(await program.run(["system", "check"])).toMatchObject({ status: 0 });
});

test("a damaged database is named with what heals it, by a check too", async () => {
  expect(await program.run(["import", "-", "box"], archive)).toMatchObject({ status: 0 });
  const bytes = readFileSync(at("sampan.db"));
  bytes.fill(0xff, 4096);
  writeFileSync(at("sampan.db"), bytes);
  for (const args of [["images"], ["system", "check"], ["system", "check", "--repair"], ["import", "-"]]) {
    const { status, out, err } = await program.run(args, archive);
    expect(status).not.toBe(0);
    expect(out + err).toContain(`"${at("sampan.db")}"`);
    expect(out + err).toContain("move it away with its -wal and -shm, and pull images again");
  }
});
