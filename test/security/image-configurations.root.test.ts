/**
 * Configurations that no sane image has: each is refused with a clear error, or the container runs and nothing of the host has changed. Among them Kata's CVE-2026-24054: an image without layers, whose empty root was taken for
 * something else of the host.
 *
 * Known to work: a program that does write to the host, through a volume that the caller asked for, is seen by the same look.
 */
// deadline: 60 s
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "bun:test";
import { SampanError } from "../../src/base/errors.ts";
import { load } from "../../src/engine/images/load.ts";
import { parseConfig } from "../../src/spec/image/parse.ts";
import type { ImageConfigRun } from "../../src/spec/image/types.ts";
import { blobsOf, container, engineAt, inPieces, layout } from "../archive/_engine.ts";
import { liveOf, runToEnd } from "../containers/live.ts";
import { needs, Place } from "../containers/place.ts";
import { makeImage } from "../images/image.ts";
import { needing } from "../needs.ts";
import { mountsBelow, scratch, treeOf } from "./_place.ts";

const { test } = needing(needs);

/** As it is read from a document, so that only what passes that is tried. */
function read(config: object): ImageConfigRun {
  const document = { os: "linux", architecture: "amd64", config, rootfs: { type: "layers", diff_ids: [] } };
  return parseConfig(JSON.stringify(document)).config ?? {};
}

const long = "x".repeat(60_000);
const up = "/../../../../../../../..";

const configurations: Readonly<Record<string, object>> = {
  "an empty variable": { Env: [""] },
  "a variable without a name": { Env: ["=x"] },
  "a variable without a value": { Env: ["PATH", "HOME", "HOSTNAME"] },
  "a variable with a line end": { Env: ["A=1\nB=2", "LD_PRELOAD=/host.so", "PATH=/bin"] },
  "10 000 variables": { Env: Array.from({ length: 10_000 }, (_, at) => `V${at}=1`) },
  "a variable of 60 000 characters": { Env: [`A=${long}`] },
  "an empty entry point": { Entrypoint: [""] },
  "an entry point that is a folder": { Entrypoint: ["/"] },
  "an entry point outside": { Entrypoint: [`${up}/OUTSIDE/program`] },
  "an entry point of /proc": { Entrypoint: ["/proc/self/exe"] },
  "10 000 words": { Entrypoint: ["/bin/true", ...Array.from({ length: 9000 }, () => "x")] },
  "a working directory outside": { WorkingDir: `${up}/OUTSIDE/new` },
  "a working directory with dots": { WorkingDir: "a/../../../../b" },
  "a working directory of a descriptor": { WorkingDir: "/proc/self/fd/3" },
  "a working directory that is a file": { WorkingDir: "/etc/passwd" },
  "a working directory of 60 000 characters": { WorkingDir: `/${long}` },
  "a working directory 20 000 deep": { WorkingDir: "/d".repeat(20_000) },
  "a volume over all": { Volumes: { "/": {} } },
  "a volume over /proc": { Volumes: { "/proc": {} } },
  "a volume over /sys and /dev": { Volumes: { "/sys": {}, "/dev": {}, "/dev/pts": {} } },
  "a volume over /etc/passwd": { Volumes: { "/etc/passwd": {} } },
  "a volume below a file": { Volumes: { "/etc/passwd/x": {} } },
  "a volume outside": { Volumes: { [`${up}/OUTSIDE`]: {} } },
  "a volume with a colon and options": { Volumes: { "/OUTSIDE:/data:rw": {}, "/a,b": {}, " ": {} } },
  "a volume with a line end": { Volumes: { "/a\nb": {} } },
  "a volume of 5000 characters": { Volumes: { [`/${"y".repeat(5000)}`]: {} } },
  "a volume in a volume twice": { Volumes: { "/a": {}, "/a/": {}, "//a/b/..": {}, "/a/b": {} } },
  "ports that are none": { ExposedPorts: { "99999/tcp": {}, "-1": {}, x: {}, "80-1/udp": {}, "": {} } },
  "a signal that is none": { StopSignal: "SIGNOTHING" },
  "a signal by a huge number": { StopSignal: "99999999999" },
  "an empty user and groups": { User: ":" },
  "a user with a path": { User: "../../etc/passwd" },
  "a user of 60 000 characters": { User: long },
  "10 000 labels": {
    Labels: Object.fromEntries(Array.from({ length: 9999 }, (_, at) => [`l${at}`, long.slice(0, 100)])),
  },
  "labels of every object": {
    Labels: { __proto__x: "a", constructor: "b", toString: "c", ["__proto__"]: "d" },
  },
  "a health check and a trigger": {
    Healthcheck: { Test: ["CMD-SHELL", "touch /OUTSIDE/pwned"] },
    OnBuild: ["RUN touch /OUTSIDE/pwned"],
  },
  "a shell": { Shell: ["/bin/touch", "/OUTSIDE/pwned"] },
};

test.each(Object.keys(configurations))("runs inside, or says what is wrong: %s", async (name) => {
  using place = new Place();
  const outside = join(place.dir, "outside");
  mkdirSync(outside);
  writeFileSync(join(outside, "file"), "the host's");
  const text = JSON.stringify(configurations[name]).replaceAll("/OUTSIDE", outside);
  const config = read(JSON.parse(text) as object);
  await place.fill({ Cmd: ["/bin/true"], ...config });
  const before = treeOf(outside);
  const ended = await place.run({ command: [] }).then(
    ({ status }) => (status === 0 ? "ran" : `status ${status}`),
    (error: unknown) => SampanError.from(error).message,
  );
  expect(ended).toMatch(/^(?:ran|status (?:1|125|126|127)|cannot .+|exec: .+)$/s);
  expect(treeOf(outside)).toEqual(before);
  expect(mountsBelow(place.dir)).toEqual([]);
});

test("a container that is given a folder of the host is seen to change it", async () => {
  using place = new Place();
  const outside = join(place.dir, "outside");
  mkdirSync(outside);
  await place.fill();
  const before = treeOf(outside);
  await place.run({ command: ["touch", "/data/x"], volumes: [`${outside}:/data`] });
  expect(treeOf(outside)).not.toEqual(before);
});

test.each(["overlayfs", "copy"] as const)(
  "an image without layers has an empty root of its own, and no devices (%s)",
  async (driver) => {
    using place = scratch();
    const image = makeImage({ layers: [], config: { Cmd: ["/bin/sh"] } });
    await using engine = await engineAt(join(place.path, "root"), driver);
    const annotations = { "org.opencontainers.image.ref.name": "empty.example/empty:1" };
    const index = { schemaVersion: 2, manifests: [{ ...image.manifest.descriptor, annotations }] };
    await load(engine, inPieces(layout(index, blobsOf(image))));
    const outside = join(place.path, "outside");
    mkdirSync(outside);
    const before = treeOf(outside);
    const made = await container(engine, "empty.example/empty:1");
    const mounts = engine.snapshots.mounts(made.snapshot);
    const sources = JSON.stringify(mounts);
    expect(sources).toContain(join(place.path, "root/snapshots", driver));
    expect(sources).not.toContain("/dev/");
    const live = liveOf({ ...engine, settings: { ...engine.settings, state: join(place.path, "state") } });
    await using _tasks = live.tasks;
    expect(runToEnd(live, made.id)).rejects.toThrow("/bin/sh");
    expect(engine.containers.get(made.id).exitCode).toBe(127);
    expect(treeOf(outside)).toEqual(before);
    expect(mountsBelow(place.path)).toEqual([]);
  },
);
