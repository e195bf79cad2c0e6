/** The program, a real registry and a damaged data root: what a run needs is whole before it runs, and a check names and repairs the rest. */
// deadline: 240 s
import { afterAll, beforeAll, beforeEach, describe, expect } from "bun:test";
import {
  chmodSync,
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { blobPath } from "../../src/engine/content/paths.ts";
import { openStore } from "../../src/engine/store/open.ts";
import type { Digest } from "../../src/spec/image/digest.ts";
import type { Problem } from "../../src/spec/docker/images.ts";
import { busyboxImage, makeProgram, type Program } from "../cli/_program.ts";
import type { TestImage } from "../images/image.ts";
import { pushImage } from "../images/push.ts";
import { needing } from "../needs.ts";
import { registryNeeds, startRegistry, type RunningRegistry } from "../registry/docker-registry.ts";

const { test } = needing({ root: true, ...registryNeeds, files: ["/bin/busybox", "build/launcher"] });

let program: Program;
let registry: RunningRegistry;
let image: TestImage;
let name = "";
let root = "";

beforeAll(async () => {
  program = makeProgram();
  root = join(program.folder, "root");
  registry = await startRegistry();
  name = `${registry.host}/box:1`;
  image = await busyboxImage();
  await pushImage({ url: registry.url, repository: "box" }, image, "1");
});
afterAll(async () => {
  await registry?.[Symbol.asyncDispose]();
  program?.[Symbol.dispose]();
});
beforeEach(async () => {
  expect(await program.run(["pull", "-q", name])).toMatchObject({ status: 0 });
});

/** As if the machine had been started again since. */
function startAgain(): void {
  using store = openStore(root);
  store.db.run("UPDATE meta SET value = 'of another start' WHERE key = 'boot_id'");
}

/** The folder of the layer with busybox in it. */
function lowest(): string {
  using store = openStore(root);
  const row = store.db
    .query<{ id: number; driver: string }, []>(
      "SELECT id, driver FROM snapshots WHERE kind = 'committed' AND parent IS NULL",
    )
    .get();
  return join(root, "snapshots", row?.driver ?? "", String(row?.id), "fs");
}

const layer = (index = 0) => image.layers[index]?.descriptor.digest as Digest;
const blob = (index = 0) => blobPath(root, layer(index));

/** Other bytes, and all else as it was. */
function zero(path: string, at: number, length: number): void {
  const fd = openSync(path, "r+");
  writeSync(fd, new Uint8Array(length), 0, length, at);
  closeSync(fd);
  utimesSync(path, 0, 0);
}

function flip(path: string): void {
  const bytes = readFileSync(path);
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] as number) ^ 0xff;
  chmodSync(path, 0o600);
  writeFileSync(path, bytes);
}

const busybox = () => join(lowest(), "bin/busybox");
const damages: readonly [string, () => void][] = [
  ["a program that is empty", () => truncateSync(busybox(), 0)],
  ["a program that is cut", () => truncateSync(busybox(), 4096)],
  ["a program that begins with zeros", () => zero(busybox(), 0, 4096)],
  ["a program with zeros in its middle", () => zero(busybox(), 512 << 10, 64 << 10)],
  ["a program that must not be executed", () => chmodSync(busybox(), 0o644)],
  ["a folder that is gone", () => rmSync(join(lowest(), "bin"), { recursive: true })],
  ["a layer that is gone", () => rmSync(lowest(), { recursive: true })],
];

async function problems(...flags: string[]): Promise<{ status: number; found: Problem[] }> {
  const { status, out, err } = await program.run(["system", "check", "--json", ...flags]);
  if (err !== "") throw new Error(err);
  return { status, found: JSON.parse(out) as Problem[] };
}

async function stopped<Result>(work: () => Promise<Result>): Promise<Result> {
  // Its storage elsewhere is a registry that knows nothing.
  renameSync(registry.storage, `${registry.storage}.away`);
  try {
    return await work();
  } finally {
    rmSync(registry.storage, { recursive: true, force: true });
    renameSync(`${registry.storage}.away`, registry.storage);
  }
}

describe("a run after another start of the machine", () => {
  for (const [what, damage] of damages)
    test(`heals ${what}, without a registry`, async () => {
      damage();
      startAgain();
      const ran = await stopped(() => program.run(["run", "--rm", name]));
      expect(ran).toMatchObject({ status: 0, out: "default\n" });
      expect(readFileSync(busybox()).equals(readFileSync("/bin/busybox"))).toBe(true);
      expect(await problems("--deep")).toEqual({ status: 0, found: [] });
    });

  test("is as it was where nothing is damaged, and looks only once", async () => {
    startAgain();
    expect(await program.run(["run", "--rm", name])).toEqual({ status: 0, out: "default\n", err: "" });
    using store = openStore(root);
    expect(store.db.query("SELECT DISTINCT verified_epoch AS epoch FROM snapshots").all()).toEqual([
      { epoch: store.epoch },
    ]);
  });

  test("fetches a damaged archive again before anything is compared with it", async () => {
    zero(busybox(), 0, 4096);
    flip(blob());
    startAgain();
    expect(await program.run(["run", "--rm", name])).toMatchObject({ status: 0, out: "default\n" });
    expect(readFileSync(blob()).equals(Buffer.from(image.layers[0]?.bytes ?? []))).toBe(true);
  });

  test("runs nothing where neither can be had, says why and how to heal it, and is healed by a pull", async () => {
    zero(busybox(), 0, 4096);
    flip(blob());
    startAgain();
    const ran = await stopped(() => program.run(["run", "--rm", name]));
    expect(ran).toMatchObject({ status: 125, out: "" });
    expect(ran.err).toContain(
      `blob "${layer()}": it is damaged or missing here, and ${registry.host}/box does not give it`,
    );
    expect(ran.err).not.toContain("exec format error");
    expect((await program.run(["ps", "-aq"])).out).toBe("");
    expect(await program.run(["pull", "-q", name])).toMatchObject({ status: 0 });
    expect(await program.run(["run", "--rm", name])).toMatchObject({ status: 0, out: "default\n" });
  });

  test("asks a pull's layers too: one that was here is not believed", async () => {
    zero(busybox(), 0, 4096);
    startAgain();
    const ran = await program.run(["run", "--rm", "--pull", "always", name]);
    expect(ran).toMatchObject({ status: 0, out: "default\n" });
  });
});

describe("system check", () => {
  const kinds: readonly [what: string, damage: () => void, told: RegExp][] = [
    [
      "zeros in a file of the right size",
      () => zero(busybox(), 4096, 4096),
      /^snapshot sha256:.*"\/bin\/busybox": its bytes differ/,
    ],
    ["another mode", () => chmodSync(busybox(), 0o700), /"\/bin\/busybox": its mode is 0700, wanted 0755/],
    [
      "a file too many",
      () => writeFileSync(join(lowest(), "bin/strange"), ""),
      /"\/bin\/strange": its layer does not hold it/,
    ],
    [
      "a blob with other bytes",
      () => flip(blob()),
      /^blob sha256:.* is damaged: its bytes have another digest/,
    ],
    ["a blob that is gone", () => rmSync(blob(1)), /^blob sha256:.* is damaged: its file is gone/],
    [
      "a configuration that is gone",
      () => rmSync(blobPath(root, image.config.descriptor.digest)),
      /^blob sha256:.* is damaged: its file is gone/,
    ],
    [
      "a manifest that is cut",
      () => truncateSync(blobPath(root, image.manifest.descriptor.digest), 3),
      /^blob sha256:.* is damaged: its file has 3 bytes/,
    ],
  ];
  for (const [what, damage, told] of kinds)
    test(`finds ${what}, and repairs it`, async () => {
      damage();
      const { status, found } = await problems("--deep");
      expect(status).toBe(1);
      expect(found[0]).toMatchObject({
        severity: "damage",
        repaired: false,
        what: expect.stringMatching(told),
      });
      const repair = await problems("--deep", "--repair");
      expect(repair.found.filter(({ repaired }) => !repaired)).toEqual([]);
      expect(repair).toMatchObject({ status: 0, found: [{ severity: "damage" }] });
      expect(await problems("--deep")).toEqual({ status: 0, found: [] });
      expect(await program.run(["run", "--rm", name])).toMatchObject({ status: 0, out: "default\n" });
    });

  test("finds a layer whose folder is gone, which the next run unpacks", async () => {
    rmSync(lowest(), { recursive: true });
    expect((await problems("--deep")).status).toBe(1);
    expect((await problems("--deep", "--repair")).status).toBe(0);
    expect(await program.run(["run", "--rm", name])).toMatchObject({ status: 0, out: "default\n" });
  });

  test("says what it cannot repair without the registry, and what heals it", async () => {
    flip(blob());
    const { status, found } = await stopped(() => problems("--deep", "--repair"));
    expect(status).toBe(1);
    const text = found.map(({ what }) => what).join("\n");
    expect(text).toContain(`${registry.host}/box does not give it`);
    expect(text).toContain(`\`sampan pull ${name}\` heals it`);
    expect((await problems("--deep", "--repair")).status).toBe(0);
  });

  test("a container keeps what it wrote and what it stands on when a layer below it is repaired", async () => {
    const script = "echo mine > /etc/mine";
    expect(await program.run(["run", "--name", "kept", name, "sh", "-c", script])).toMatchObject({
      status: 0,
    });
    zero(busybox(), 0, 4096);
    expect(await problems("--deep", "--repair")).toMatchObject({ status: 0 });
    const folder = mkdtempSync(join(tmpdir(), "sampan-verify-"));
    try {
      expect(await program.run(["export", "-o", join(folder, "tar"), "kept"])).toMatchObject({ status: 0 });
      expect(Bun.spawnSync(["tar", "-xf", join(folder, "tar"), "-C", folder]).success).toBe(true);
      expect(readFileSync(join(folder, "etc/mine"), "utf8")).toBe("mine\n");
      expect(readFileSync(join(folder, "bin/busybox")).equals(readFileSync("/bin/busybox"))).toBe(true);
    } finally {
      rmSync(folder, { recursive: true });
      await program.run(["rm", "kept"]);
    }
  });

  test("a layer is not taken from under a container that runs on it", async () => {
    const child = Bun.spawn(
      [
        ...program.command,
        "run",
        "--network",
        "none",
        "-i",
        "--rm",
        "--name",
        "busy",
        name,
        "sh",
        "-c",
        "echo up; cat; cat /etc/extra",
      ],
      { cwd: program.folder, env: program.env, stdin: "pipe", stdout: "pipe", stderr: "inherit" },
    );
    try {
      const reader = child.stdout.getReader();
      expect(new TextDecoder().decode((await reader.read()).value)).toBe("up\n");
      writeFileSync(join(lowest(), "strange"), "");
      const { status, found } = await problems("--deep", "--repair");
      expect(status).toBe(1);
      expect(found[0]?.what).toContain('container "busy" runs on it; stop that first');
      await child.stdin.end();
      expect(new TextDecoder().decode((await reader.read()).value)).toBe("one\n");
      expect(await child.exited).toBe(0);
    } finally {
      child.kill("SIGKILL");
    }
    expect(await problems("--deep", "--repair")).toMatchObject({ status: 0 });
    expect(await problems("--deep")).toEqual({ status: 0, found: [] });
  });
});
