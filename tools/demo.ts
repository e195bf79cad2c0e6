/**
 * `make demo`: makes a real image (an OCI image layout of Debian's busybox), unpacks it into a bundle, takes a container of it through its whole life
 * with our runtime, explains the plan, and then takes the image through a registry: push, pull, run, commit, diff. Shows each step and what came of it;
 * ends with 0 only if every step was seen to work.
 */
import { createHash } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { imagesOfARegistry } from "./_demo-images.ts";

const sampan = new URL("../dist/sampan", import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), "sampan-demo-"));
const layout = join(folder, "image");
const bundle = join(folder, "bundle");
const root = join(folder, "state");
const id = "demo";
let step = 0;

interface Result {
  readonly status: number;
  readonly output: string;
  readonly ms: number;
}

function title(text: string): void {
  const [bold, plain] = process.stdout.isTTY ? ["\x1b[1m", "\x1b[0m"] : ["", ""];
  console.log(`\n${bold}${++step}. ${text}${plain}`);
}

function call(argv: readonly string[]): Result {
  const begin = performance.now();
  const ran = Bun.spawnSync([...argv], { stdin: "ignore", stdout: "pipe", stderr: "pipe", timeout: 60_000 });
  return {
    status: ran.exitCode,
    output: `${ran.stdout.toString()}${ran.stderr.toString()}`,
    ms: performance.now() - begin,
  };
}

/** Runs, shows the command as a person would type it and its output; anything but the expected status ends the demo. */
function show(
  argv: readonly string[],
  { status = 0, lines = 12 }: { status?: number; lines?: number } = {},
): string {
  const shown = argv
    .map((word) => (word === sampan ? "sampan" : word.replaceAll(folder, "…")))
    .map((word) => (/[ ;|]/.test(word) ? `'${word}'` : word));
  console.log(`   $ ${shown.join(" ")}`);
  const result = call(argv);
  const output = result.output.trimEnd().split("\n");
  for (const line of output.slice(0, lines))
    if (line !== "") console.log(`     ${line.replaceAll(folder, "…")}`);
  if (output.length > lines) console.log(`     … ${output.length - lines} more lines`);
  console.log(`     (exit status ${result.status}, ${result.ms.toFixed(0)} ms)`);
  if (result.status !== status)
    throw new Error(`the step "${shown.join(" ")}" ended with ${result.status}, wanted ${status}`);
  return result.output;
}

function expect(output: string, wanted: RegExp | string, what: string): void {
  const found = typeof wanted === "string" ? output.includes(wanted) : wanted.test(output);
  if (!found)
    throw new Error(
      `${what}: ${JSON.stringify(wanted.toString())} is not in ${JSON.stringify(output.slice(0, 400))}`,
    );
}

const runtime = (...words: string[]): string[] => [sampan, "runtime", "--root", root, ...words];

function blob(bytes: Uint8Array | string): { digest: string; size: number } {
  const data = typeof bytes === "string" ? Buffer.from(bytes) : bytes;
  const hex = createHash("sha256").update(data).digest("hex");
  mkdirSync(join(layout, "blobs/sha256"), { recursive: true });
  writeFileSync(join(layout, "blobs/sha256", hex), data);
  return { digest: `sha256:${hex}`, size: data.length };
}

/** OCI image specification 1.1: one layer, its configuration, a manifest and an index. */
function makeImage(): void {
  const tree = join(folder, "tree");
  for (const dir of ["bin", "etc", "proc", "sys", "dev", "tmp", "root"])
    mkdirSync(join(tree, dir), { recursive: true });
  cpSync("/bin/busybox", join(tree, "bin/busybox"));
  const applets = call([join(tree, "bin/busybox"), "--list"]).output.split("\n");
  for (const name of applets)
    if (name !== "" && name !== "busybox") symlinkSync("busybox", join(tree, "bin", name));
  writeFileSync(join(tree, "etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n");
  writeFileSync(join(tree, "etc/motd"), "Hello from a container that Sampan made.\n");
  show([
    "tar",
    "-C",
    tree,
    "--sort=name",
    "--owner=0",
    "--group=0",
    "--numeric-owner",
    "-cf",
    join(folder, "layer.tar"),
    ".",
  ]);
  const layer = readFileSync(join(folder, "layer.tar"));
  const diff = createHash("sha256").update(layer).digest("hex");
  const packed = blob(Bun.gzipSync(layer));
  const architecture = process.arch === "arm64" ? "arm64" : "amd64";
  const config = blob(
    JSON.stringify({
      architecture,
      os: "linux",
      config: { Cmd: ["/bin/sh"], Env: ["PATH=/bin"] },
      rootfs: { type: "layers", diff_ids: [`sha256:${diff}`] },
    }),
  );
  const manifest = blob(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      config: { mediaType: "application/vnd.oci.image.config.v1+json", ...config },
      layers: [{ mediaType: "application/vnd.oci.image.layer.v1.tar+gzip", ...packed }],
    }),
  );
  writeFileSync(join(layout, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
  writeFileSync(
    join(layout, "index.json"),
    JSON.stringify({
      schemaVersion: 2,
      manifests: [{ mediaType: "application/vnd.oci.image.manifest.v1+json", ...manifest }],
    }),
  );
  console.log(
    `     layer ${packed.digest.slice(0, 19)}… ${(packed.size / 1024).toFixed(0)} KiB, manifest ${manifest.digest.slice(0, 19)}…`,
  );
}

interface Descriptor {
  readonly digest: string;
}

function readBlob({ digest }: Descriptor): Buffer {
  const bytes = readFileSync(join(layout, "blobs", digest.replace(":", "/")));
  if (`sha256:${createHash("sha256").update(bytes).digest("hex")}` !== digest)
    throw new Error(`blob ${digest} is damaged`);
  return bytes;
}

/** From the index down, each blob checked against its digest. */
function unpackImage(): void {
  const index = JSON.parse(readFileSync(join(layout, "index.json"), "utf8")) as { manifests: Descriptor[] };
  const [first] = index.manifests;
  if (!first) throw new Error("the index is empty");
  const manifest = JSON.parse(readBlob(first).toString()) as { layers: Descriptor[] };
  const rootfs = join(bundle, "rootfs");
  mkdirSync(rootfs, { recursive: true });
  for (const layer of manifest.layers) {
    writeFileSync(join(folder, "unpack.tar.gz"), readBlob(layer));
    show(["tar", "-C", rootfs, "-xzf", join(folder, "unpack.tar.gz")]);
  }
}

function setProcess(args: readonly string[]): void {
  const path = join(bundle, "config.json");
  const config = JSON.parse(readFileSync(path, "utf8")) as {
    process: { args: readonly string[]; terminal: boolean };
  };
  config.process.args = args;
  config.process.terminal = false;
  writeFileSync(path, JSON.stringify(config, undefined, 2));
}

function lifeOfAContainer(): void {
  title("Run a container: its own processes, host name, mounts and limits");
  setProcess([
    "/bin/sh",
    "-c",
    "cat /etc/motd; echo I am process $$ on $(hostname), one of $(ps | tail -n +2 | wc -l); exit 42",
  ]);
  expect(show(runtime("run", "--bundle", bundle, id), { status: 42 }), "I am process 1", "run");
  title("The same in steps: create, start, look, add a process, pause, resume, kill, delete");
  setProcess(["/bin/sh", "-c", "while :; do sleep 1; done"]);
  const log = join(folder, "log");
  // A detached container keeps its standard streams, so the demo gives it a file.
  const created = Bun.spawnSync(runtime("create", "--bundle", bundle, id), {
    stdin: "ignore",
    stdout: Bun.file(log),
    stderr: Bun.file(log),
  });
  if (created.exitCode !== 0) throw new Error(`create: ${readFileSync(log, "utf8")}`);
  console.log("   $ sampan runtime create --bundle …/bundle demo");
  expect(show(runtime("state", id)), '"status": "created"', "state after create");
  show(runtime("start", id));
  expect(show(runtime("list")), "running", "list");
  expect(
    show(runtime("exec", id, "/bin/sh", "-c", "echo a second process, number $$")),
    "a second process",
    "exec",
  );
  show(runtime("update", "--pids-limit", "50", id));
  expect(show(runtime("events", "--stats", id), { lines: 1 }), '"limit":50', "events --stats");
  show(runtime("pause", id));
  expect(show(runtime("state", id), { lines: 5 }), '"status": "paused"', "state after pause");
  show(runtime("resume", id));
  show(runtime("kill", id, "KILL"));
  show(runtime("delete", "--force", id));
  expect(show(runtime("list", "--quiet")), /^$/, "list after delete");
}

async function main(): Promise<void> {
  if (!existsSync(sampan)) throw new Error("dist/sampan is not built: run `make dist`");
  if (process.getuid?.() !== 0) throw new Error("the demo makes containers as root: run it as root");
  if (!existsSync("/bin/busybox")) throw new Error("/bin/busybox is missing: apt-get install busybox-static");
  title("Make an image: Debian's busybox as an OCI image layout");
  makeImage();
  title("Unpack it into a bundle, each blob checked against its digest, and write config.json");
  unpackImage();
  show(runtime("spec", "--bundle", bundle));
  lifeOfAContainer();
  title("Explain: every operation of that plan, and the field of config.json that asked for it");
  setProcess(["/bin/sh", "-c", "echo hello"]);
  expect(
    show(runtime("explain", "--bundle", bundle, "--id", id), { lines: 400 }),
    "wait for start",
    "explain",
  );
  await imagesOfARegistry({ sampan, folder, title, show, expect });
  console.log(`\nEvery step worked. What to try next is in README.md ("Five minutes").`);
}

try {
  await main();
} catch (error) {
  console.error(`\nThe demo failed: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
} finally {
  call(runtime("delete", "--force", id));
  rmSync(folder, { recursive: true, force: true });
}
