import { expect, test } from "bun:test";
import { callerOf, credentialsOf, registryOf } from "../../src/api/docker/credentials.ts";
import { changesOf } from "../../src/api/docker/images/commit.ts";
import { platformOf } from "../../src/api/docker/images/platform.ts";
import { ProgressLines, progressLine } from "../../src/api/docker/images/progress.ts";
import { wantedImage } from "../../src/api/docker/images/pull.ts";
import { imageInspect, imageSummary } from "../../src/api/docker/images/shapes.ts";
import type { Line } from "../../src/api/docker/answer.ts";
import { Query } from "../../src/api/docker/query.ts";
import type { LocalImage, Progress } from "../../src/engine/images/images.ts";
import type { Digest } from "../../src/spec/image/digest.ts";

const digest = `sha256:${"a".repeat(64)}` as Digest;

test.each([
  ["alpine", "3", "alpine:3", false],
  ["alpine:3", undefined, "alpine:3", false],
  ["alpine:3", "4", "alpine:4", false],
  ["localhost:5000/app", "1", "localhost:5000/app:1", false],
  ["localhost:5000/app", undefined, "localhost:5000/app", true],
  ["alpine", undefined, "alpine", true],
  ["alpine", digest, `alpine@${digest}`, false],
  [`alpine@${digest}`, undefined, `alpine@${digest}`, false],
] as const)("pull of %s and tag %p means %s", (from, tag, name, all) => {
  expect(wantedImage(from, tag)).toEqual({ name, all });
});

test("a caller's credentials are read, or refused", () => {
  const header = (value: unknown) => ({
    headers: { "x-registry-auth": Buffer.from(JSON.stringify(value)).toString("base64url") },
  });
  expect(callerOf(header({ username: "ann", password: "pass" }))).toEqual({
    username: "ann",
    secret: "pass",
    kind: "password",
  });
  expect(callerOf(header({ identitytoken: "t" }))).toEqual({ username: "", secret: "t", kind: "identity" });
  expect(callerOf(header({}))).toBeUndefined();
  expect(callerOf({ headers: {} })).toBeUndefined();
  expect(() => callerOf({ headers: { "x-registry-auth": "###" } })).toThrow("X-Registry-Auth");
  expect(() => callerOf(header("text"))).toThrow("wanted an object");
  expect(() => credentialsOf({ username: 7 })).toThrow('"username" is not a text');
  expect(() => credentialsOf({ registrytoken: "t" })).toThrow("registrytoken");
});

test.each([
  ["https://index.docker.io/v1/", "docker.io"],
  ["", "docker.io"],
  ["https://host:5000/v2/", "host:5000"],
  ["host:5000", "host:5000"],
])("the server address %p is registry %s", (address, registry) => {
  expect(registryOf(address)).toBe(registry);
});

test("a platform is a text or an object of JSON", () => {
  const read = (platform: string) => platformOf(new Query({ platform }));
  expect(read("linux/arm64/v8")).toMatchObject({ os: "linux", architecture: "arm64" });
  expect(read('{"os":"linux","architecture":"arm","variant":"v7"}')).toMatchObject({ variant: "v7" });
  expect(read("")).toBeUndefined();
  for (const wrong of ["{", "{}", '{"os":7}', '{"os":"a/b","architecture":"c"}'])
    expect(() => read(wrong)).toThrow("cannot read platform");
});

const layer = (done: number): Progress => ({ kind: "layer", digest, step: "downloading", done, total: 9 });

test("progress has docker's words", () => {
  expect(progressLine({ kind: "resolving", text: "docker.io/library/alpine:3" }, "pull")).toEqual({
    status: "Pulling from library/alpine",
    id: "3",
  });
  expect(progressLine(layer(4), "pull")).toEqual({
    status: "Downloading",
    progressDetail: { current: 4, total: 9 },
    id: "a".repeat(12),
  });
  expect(progressLine({ ...layer(9), step: "done" } as Progress, "push")).toEqual({
    status: "Pushed",
    progressDetail: {},
    id: "a".repeat(12),
  });
});

test("a slow client gets the newest count of a layer and nothing twice", async () => {
  const sent: Line[] = [];
  const turns: (() => void)[] = [];
  const lines = new ProgressLines((line) => {
    sent.push(line);
    return new Promise((resolve) => turns.push(resolve));
  }, "pull");
  lines.onProgress({ kind: "resolving", text: "docker.io/library/alpine:3" });
  expect(sent).toEqual([]);
  for (let done = 1; done <= 5; done++) lines.onProgress(layer(done));
  const flushed = lines.flush();
  while (turns.length > 0) {
    turns.shift()?.();
    await Promise.resolve();
    await Promise.resolve();
  }
  await flushed;
  expect(sent.map((line) => line["progressDetail"])).toEqual([undefined, { current: 5, total: 9 }]);
});

const image = {
  id: digest,
  target: { mediaType: "m", digest, size: 7 },
  platform: { os: "linux", architecture: "amd64" },
  names: [],
  repoDigests: [],
  created: new Date(5000),
  stored: new Date(6000),
  labels: {},
  contentSize: 10,
  unpackedSize: 30,
  layers: [],
} as unknown as LocalImage;

test("older versions get the fields of their time", () => {
  const at = (version: number) => imageSummary(image, { version, containers: new Map() });
  expect(at(51)).toMatchObject({ RepoTags: [], Size: 30, Labels: null, Descriptor: { digest } });
  expect(at(51)).not.toHaveProperty("VirtualSize");
  expect(at(42)).toMatchObject({ RepoTags: ["<none>:<none>"], VirtualSize: 30 });
  const config = { architecture: "amd64", os: "linux", config: { Cmd: ["sh"] }, rootfs: { diff_ids: [] } };
  const inspect = (version: number) => imageInspect(image, { version, config: config as never, driver: "x" });
  expect(inspect(51).Config).toEqual({ Cmd: ["sh"] });
  expect(inspect(49).Config).toMatchObject({ Cmd: ["sh"], Hostname: "", OnBuild: null });
});

test("a configuration for commit says the same as instructions", () => {
  expect(
    changesOf({
      Env: ["A=b c", "D"],
      Labels: { x: "y" },
      ExposedPorts: { "80/tcp": {} },
      Volumes: { "/data": {} },
      User: "me",
      WorkingDir: "/w",
      Cmd: ["sh", "-c"],
      Entrypoint: [],
    }),
  ).toEqual([
    'ENV "A"="b c"',
    'ENV "D"=""',
    'LABEL "x"="y"',
    "EXPOSE 80/tcp",
    'VOLUME ["/data"]',
    "USER me",
    'WORKDIR "/w"',
    'CMD ["sh","-c"]',
  ]);
});
