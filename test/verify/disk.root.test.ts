/** `system df -v` names every byte: its items add up to its total, and that is what du(1) counts. */
import { afterAll, beforeAll, expect } from "bun:test";
import { readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { DiskUsage } from "../../src/spec/docker/images.ts";
import { busyboxImage, makeProgram, type Program } from "../cli/_program.ts";
import { makeImage } from "../images/image.ts";
import { pushImage } from "../images/push.ts";
import { needing } from "../needs.ts";
import { mockRegistry } from "../pull/mock-registry.ts";
import { registryNeeds, startRegistry, type RunningRegistry } from "../registry/docker-registry.ts";
import { pattern } from "./_images.ts";

const { test } = needing({
  root: true,
  programs: [...(registryNeeds.programs ?? []), "du"],
  files: ["/bin/busybox", "build/launcher"],
});

let program: Program;
let registry: RunningRegistry;
let root = "";
beforeAll(async () => {
  program = makeProgram();
  root = join(program.folder, "root");
  registry = await startRegistry();
});
afterAll(async () => {
  await registry?.[Symbol.asyncDispose]();
  program?.[Symbol.dispose]();
});

/** What the program says, and what du(1) does. The database's files change with each call, also by the one that asks. */
async function usage(): Promise<{ said: DiskUsage; counted: number }> {
  const { out, err, status } = await program.run(["system", "df", "--json"]);
  if (status !== 0) throw new Error(err);
  const said = JSON.parse(out) as DiskUsage;
  const du = Bun.spawnSync(["du", "-sx", "-B1", "--exclude=sampan.db*", root]);
  return { said, counted: Number.parseInt(du.stdout.toString(), 10) };
}

const database = ({ categories }: DiskUsage) =>
  categories
    .flatMap(({ items }) => items)
    .filter(({ name }) => name.startsWith("sampan.db"))
    .reduce((sum, { size }) => sum + size, 0);

async function expectAllNamed(): Promise<DiskUsage> {
  const { said, counted } = await usage();
  const sizes = said.categories.map(({ size }) => size).reduce((a, b) => a + b);
  const items = said.categories.flatMap((category) => category.items);
  expect({ sizes, items: items.reduce((sum, { size }) => sum + size, 0) }).toEqual({
    sizes: said.total,
    items: said.total,
  });
  expect(said.total - database(said)).toBe(counted);
  return said;
}

const category = (said: DiskUsage, wanted: string) => said.categories.find(({ name }) => name === wanted);

/** A pull that is killed with half of a layer here. */
async function halfPull(): Promise<void> {
  const image = makeImage({ layers: [[{ name: "half", content: pattern(4 << 20) }]] });
  const big = image.layers[0]?.descriptor.digest ?? "";
  await using lying = mockRegistry({ image });
  lying.intercept = (_request, url) => {
    if (!url.pathname.endsWith(big)) return undefined;
    const half = image.layers[0]?.bytes.slice(0, 2 << 20);
    return new Response(new ReadableStream({ start: (controller) => controller.enqueue(half) }));
  };
  const child = Bun.spawn([...program.command, "pull", `${lying.host}/half`], {
    env: program.env,
    stdout: "ignore",
    stderr: "ignore",
  });
  const ingest = join(root, "content/ingest");
  const isHalf = () => readdirSync(ingest).some((file) => statSync(join(ingest, file)).size >= 2 << 20);
  while (child.exitCode === null && !isHalf()) await Bun.sleep(20);
  child.kill("SIGKILL");
  await child.exited;
}

test("every byte is named, with images, containers, volumes, a partial download and a stranger's file", async () => {
  const base = await busyboxImage();
  await pushImage({ url: registry.url, repository: "one" }, base, "1");
  const more = makeImage({ layers: [...base.layers, [{ name: "more", content: pattern(200_000) }]] });
  await pushImage({ url: registry.url, repository: "two" }, more, "1");
  for (const name of ["one", "two"])
    expect(await program.run(["pull", "-q", `${registry.host}/${name}:1`])).toMatchObject({ status: 0 });
  await expectAllNamed();

  const write = "dd if=/dev/zero of=/data/kept bs=1000 count=300 2>/dev/null; echo mine > /mine";
  const script = await program.run([
    "run",
    "--name",
    "exited",
    "-v",
    "store:/data",
    `${registry.host}/one:1`,
    "busybox",
    "sh",
    "-c",
    write,
  ]);
  expect(script).toMatchObject({ status: 0 });
  await halfPull();
  writeFileSync(join(root, "strange"), pattern(50_000));
  const running = Bun.spawn(
    [
      ...program.command,
      "run",
      "--network",
      "none",
      "-i",
      "--rm",
      "--name",
      "running",
      `${registry.host}/two:1`,
      "/bin/sh",
      "-c",
      "echo up; cat",
    ],
    { cwd: program.folder, env: program.env, stdin: "pipe", stdout: "pipe", stderr: "inherit" },
  );
  try {
    const reader = running.stdout.getReader();
    expect(new TextDecoder().decode((await reader.read()).value)).toBe("up\n");
    const said = await expectAllNamed();
    expect(
      category(said, "containers")
        ?.items.map(({ name }) => name)
        .toSorted(),
    ).toEqual(["exited", "running"]);
    expect(category(said, "volumes")?.items).toMatchObject([{ name: "store", usedBy: ["container exited"] }]);
    expect(category(said, "volumes")?.size).toBeGreaterThan(300_000);
    expect(category(said, "partial downloads")?.size).toBeGreaterThanOrEqual(2 << 20);
    expect(category(said, "unknown")?.items.map(({ name }) => name)).toEqual(["strange"]);
    expect(category(said, "layers")?.items.filter(({ shared }) => shared)).toHaveLength(2);
    expect(category(said, "logs")?.size).toBeGreaterThan(0);
    await running.stdin.end();
    expect(await running.exited).toBe(0);
  } finally {
    running.kill("SIGKILL");
  }
  await expectAllNamed();

  expect(await program.run(["system", "prune", "-af"])).toMatchObject({ status: 0 });
  const left = await expectAllNamed();
  expect(left.categories.filter(({ size }) => size > 0).map(({ name }) => name)).toEqual([
    "volumes",
    "database",
    "unknown",
  ]);
});
