import { expect } from "bun:test";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { openUnpacker } from "../../src/engine/unpack/open.ts";
import type { UnpackRequest } from "../../src/engine/unpack/unpack.ts";
import { digestOf } from "../../src/spec/image/digest.ts";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { needing } from "../needs.ts";
import { command, failure, Place, plenty } from "./_place.ts";
import { file, tar } from "./_tar.ts";

const { test } = needing({ root: true });

const numbers = Buffer.from(Array.from({ length: 400_000 }, (_, i) => i * i).join("\n"));
const archive = tar(file("a/numbers", numbers), file("b", "x"));

function request(place: Place, bytes: Uint8Array, more: Partial<UnpackRequest> = {}): UnpackRequest {
  const path = place.path("growing");
  if (!existsSync(path)) writeFileSync(path, "");
  return {
    path,
    compression: "gzip",
    diffId: digestOf(bytes),
    target: { mode: "layer", root: place.empty() },
    limits: plenty,
    ...more,
  };
}

test("a job follows its file while it grows", async () => {
  await using place = new Place(1);
  const wanted = request(place, archive);
  const job = await place.unpacker.start(wanted);
  const packed = gzipSync(archive);
  for (let at = 0; at < packed.length; at += 300_000) {
    appendFileSync(wanted.path, packed.subarray(at, at + 300_000));
    job.available(Math.min(packed.length, at + 300_000));
  }
  job.end();
  expect(await job.done).toMatchObject({ bytes: archive.length, entries: 2, implicitDirs: ["a"] });
  expect(readFileSync(`${wanted.target.root}/a/numbers`)).toEqual(numbers);
});

test.each(["gzip", "zstd", "plain"] as const)(
  "a file that begins anew gives the new archive alone (%s)",
  async (compression) => {
    await using place = new Place(1);
    const pack = { gzip: gzipSync, zstd: zstdCompressSync, plain: (bytes: Uint8Array) => bytes } as const;
    const first = pack[compression](
      tar(file("first", numbers), file(".wh..wh..opq"), file("./", "", { flag: "5", mode: 0o700, uid: 3 })),
    );
    const second = pack[compression](archive);
    const wanted = request(place, archive, { compression });
    const job = await place.unpacker.start(wanted);
    for (let round = 0; round < 3; round++) {
      writeFileSync(wanted.path, first);
      job.available(round === 2 ? first.length : first.length >> 1);
      await job.restart();
      expect(readdirSync(wanted.target.root)).toEqual([]);
      truncateSync(wanted.path);
    }
    writeFileSync(wanted.path, second);
    job.available(second.length);
    job.end();
    expect(await job.done).toMatchObject({ bytes: archive.length });
    expect(readdirSync(wanted.target.root).sort()).toEqual(["a", "b"]);
  },
);

test("a tree cannot be begun anew", async () => {
  await using place = new Place(1);
  const wanted = request(place, archive, { target: { mode: "tree", root: place.empty() } });
  const job = await place.unpacker.start(wanted);
  expect(await failure(job.restart())).toMatchObject({ code: "aborted" });
  expect(await failure(job.done)).toMatchObject({ code: "aborted" });
});

const damages: Record<string, (packed: Buffer) => Buffer> = {
  "cut in the middle": (packed) => packed.subarray(0, packed.length >> 1),
  "cut before its check sum": (packed) => packed.subarray(0, packed.length - 3),
  "cut after its first bytes": (packed) => packed.subarray(0, 5),
  empty: () => Buffer.alloc(0),
  "changed in the middle": (packed) =>
    Buffer.from(packed).fill(0x55, packed.length >> 1, (packed.length >> 1) + 9),
  "not compressed": () => archive,
};

test.each(["gzip", "zstd"] as const)(
  "damage is told as such, and the helper goes on (%s)",
  async (compression) => {
    await using place = new Place(1);
    const packed = Buffer.from(compression === "gzip" ? gzipSync(archive) : zstdCompressSync(archive));
    for (const [what, damage] of Object.entries(damages)) {
      const path = place.path("damaged");
      writeFileSync(path, damage(packed));
      const failure = await place
        .unpack(path, { compression, wanted: archive })
        .catch((error: unknown) => error);
      expect({ what, failure }).toMatchObject({ what, failure: { code: "data_loss" } });
    }
    writeFileSync(place.path("whole"), packed);
    expect(await place.unpack(place.path("whole"), { compression })).toMatchObject({ entries: 2 });
  },
);

test("an archive that is not what was promised is refused", async () => {
  await using place = new Place(1);
  writeFileSync(place.path("other"), archive);
  expect(await failure(place.unpack(place.path("other"), { wanted: tar() }))).toMatchObject({
    code: "data_loss",
    message: expect.stringContaining("wanted sha256:"),
  });
});

test("more jobs than helpers wait for their turn", async () => {
  await using place = new Place(1);
  writeFileSync(place.path("x"), archive);
  const all = await Promise.all(Array.from({ length: 5 }, () => place.unpack(place.path("x"))));
  expect(all.map(({ entries }) => entries)).toEqual([2, 2, 2, 2, 2]);
});

test("a signal ends a job that waits for its file, and one that waits for a helper", async () => {
  await using place = new Place(1);
  const control = new AbortController();
  const job = await place.unpacker.start(request(place, archive), control.signal);
  const next = place.unpacker.start(request(place, archive), control.signal);
  control.abort();
  const ends = await Promise.allSettled([job.done, next]);
  expect(ends).toMatchObject([{ reason: { code: "cancelled" } }, { reason: { code: "cancelled" } }]);
  expect(await failure(place.unpacker.start(request(place, archive), control.signal))).toMatchObject({
    code: "cancelled",
  });
  writeFileSync(place.path("x"), archive);
  expect(await place.unpack(place.path("x"))).toMatchObject({ entries: 2 });
});

test("disposal ends what is running", async () => {
  const place = new Place(1);
  const job = await place.unpacker.start(request(place, archive));
  await place[Symbol.asyncDispose]();
  expect(await failure(job.done)).toMatchObject({ code: "cancelled" });
  expect(await failure(place.unpacker.sync("/"))).toMatchObject({ code: "cancelled" });
});

test("a helper that dies is an error that says how, and the next job gets another", async () => {
  await using place = new Place(1);
  await using unpacker = openUnpacker({
    command: [process.execPath, "-e", "console.error('no luck'); process.exit(3)"],
    workers: 1,
  });
  const job = await unpacker.start(request(place, archive));
  expect(await failure(job.done)).toMatchObject({
    code: "unavailable",
    message: expect.stringMatching(/status 3.*no luck/),
  });
  expect(await failure(unpacker.sync("/"))).toMatchObject({ code: "unavailable" });
  await using absent = openUnpacker({ command: ["/nonexistent"], workers: 1 });
  expect(await failure(absent.sync("/"))).toMatchObject({ code: "unavailable" });
});

test("a helper outlives ^C and ends with the process that started it", async () => {
  const program = `
    import { openUnpacker } from "${new URL("../../src/engine/unpack/open.ts", import.meta.url).pathname}";
    const unpacker = openUnpacker({ command: ${JSON.stringify(command)}, workers: 1 });
    await unpacker.sync("/tmp");
    console.log((await Bun.file("/proc/self/task/" + process.pid + "/children").text()).trim());
    for await (const line of console) {
      await unpacker.sync("/tmp");
      console.log("again");
    }
  `;
  const parent = Bun.spawn([process.execPath, "-e", program], { stdin: "pipe", stdout: "pipe" });
  const output = parent.stdout.getReader();
  const said = async () => new TextDecoder().decode((await output.read()).value);
  const helper = Number(await said());
  process.kill(helper, "SIGINT");
  void parent.stdin.write("\n");
  await parent.stdin.flush();
  expect(await said()).toBe("again\n");
  expect(existsSync(`/proc/${helper}/exe`)).toBe(true);
  parent.kill("SIGKILL");
  await parent.exited;
  while (existsSync(`/proc/${helper}/exe`)) await Bun.sleep(1);
});

test("chores: a file system is synced, a tree removed; what is not there is no error, a symlink is not followed", async () => {
  await using place = new Place(1);
  const busy = await place.unpacker.start(request(place, archive));
  await place.unpacker.sync(place.folder);
  mkdirSync(`${place.folder}/tree/a/b`, { recursive: true });
  mkdirSync(`${place.folder}/kept`);
  writeFileSync(`${place.folder}/kept/file`, "");
  symlinkSync("../kept", `${place.folder}/tree/link`);
  for (let i = 0; i < 3000; i++) writeFileSync(`${place.folder}/tree/a/${i}`, "");
  await place.unpacker.removeTree(`${place.folder}/tree`);
  await place.unpacker.removeTree(`${place.folder}/tree`);
  await place.unpacker.removeTree(`${place.folder}/no/such/place`);
  expect(existsSync(`${place.folder}/tree`)).toBe(false);
  expect(existsSync(`${place.folder}/kept/file`)).toBe(true);
  expect(await failure(place.unpacker.removeTree("relative"))).toMatchObject({ code: "invalid_argument" });
  expect(await failure(place.unpacker.sync(`${place.folder}/none`))).toMatchObject({ code: "not_found" });
  busy.end();
  expect(await failure(busy.done)).toMatchObject({ code: "data_loss" });
});

test("a tree with something mounted in it is not removed", async () => {
  await using place = new Place(1);
  const root = place.empty();
  mkdirSync(`${root}/a/b`, { recursive: true });
  place.run("mount", "-t", "tmpfs", "none", `${root}/a/b`);
  try {
    writeFileSync(`${root}/a/b/kept`, "");
    expect(await failure(place.unpacker.removeTree(root))).toMatchObject({ code: "failed_precondition" });
    expect(existsSync(`${root}/a/b/kept`)).toBe(true);
  } finally {
    place.run("umount", `${root}/a/b`);
  }
});
