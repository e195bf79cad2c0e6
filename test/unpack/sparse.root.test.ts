import { expect } from "bun:test";
import { closeSync, openSync, readFileSync, statSync, truncateSync, writeSync } from "node:fs";
import { needing } from "../needs.ts";
import { Place } from "./_place.ts";
import { file, header, sealed, tar } from "./_tar.ts";

const { test } = needing({ root: true, programs: ["tar"] });

/** A file of 40 MiB with so many islands of data. */
function sparse(path: string, islands: number): void {
  const fd = openSync(path, "w");
  for (let i = 0; i < islands; i++)
    writeSync(fd, Buffer.from(`island ${i} `.repeat(500)), 0, undefined, i * 256 * 1024 + 4096);
  closeSync(fd);
  truncateSync(path, 40 << 20);
}

const forms = [
  ["gnu", "0.0"],
  ["pax", "0.0"],
  ["pax", "0.1"],
  ["pax", "1.0"],
] as const;

test.each(forms)("holes stay holes (%s, sparse version %s)", async (form, version) => {
  await using place = new Place(1);
  const source = place.empty();
  sparse(`${source}/few`, 3);
  sparse(`${source}/many`, 150);
  sparse(`${source}/none`, 0);
  place.run(
    "tar",
    `--format=${form}`,
    `--sparse-version=${version}`,
    "--sparse",
    "-C",
    source,
    "-cf",
    "x.tar",
    ".",
  );
  const { root, usage } = await place.unpack(place.path("x.tar"));
  for (const name of ["few", "many", "none"]) {
    const status = statSync(`${root}/${name}`);
    expect(readFileSync(`${root}/${name}`).equals(readFileSync(`${source}/${name}`))).toBe(true);
    expect(status.size).toBe(40 << 20);
    expect(status.blocks).toBeLessThanOrEqual(statSync(`${source}/${name}`).blocks);
  }
  expect(usage.bytes).toBeLessThan(5 << 20);
});

test("a sparse file of terabytes costs nothing", async () => {
  await using place = new Place(1);
  const block = header({ name: "huge", flag: "S", size: 3 });
  block.write("77777777777\0", 483);
  block.write("00000000000\0" + "00000000003\0", 386);
  const huge = { "GNU.sparse.map": "1000000000000,1", "GNU.sparse.size": "2000000000000" };
  await Bun.write(
    place.path("x.tar"),
    tar(
      Buffer.concat([sealed(block), Buffer.from("abc").subarray(0, 3), Buffer.alloc(509)]),
      file("tera", "x", { pax: huge }),
    ),
  );
  const { root, usage } = await place.unpack(place.path("x.tar"));
  expect(statSync(`${root}/huge`).size).toBe(0o77777777777);
  expect(statSync(`${root}/tera`).size).toBe(2e12);
  expect(usage.bytes).toBeLessThan(1 << 20);
});
