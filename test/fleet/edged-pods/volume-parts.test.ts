/** What of volumes needs no root: paths, files as a whole, kinds, node selectors, the kernel's table. */
import { expect, test } from "bun:test";
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkedPath, type Files, writeFolder } from "../../../src/fleet/edge/edged/volumes/atomic-folder.ts";
import { contentsOf } from "../../../src/fleet/edge/edged/volumes/contents.ts";
import { usedVolumes, volumeKind } from "../../../src/fleet/edge/edged/volumes/kinds.ts";
import { mountPoints, mountsBelow } from "../../../src/fleet/edge/edged/volumes/mount-table.ts";
import { isOnNode } from "../../../src/fleet/edge/edged/volumes/node-selector.ts";
import { checkedSubPath } from "../../../src/fleet/edge/edged/volumes/sub-path.ts";
import type { Volume } from "../../../src/spec/kubernetes/pod.ts";
import { container, node, pod } from "./pods.ts";
import { at, fakeMeta, stoppedClock } from "./sources.ts";

const hostile = [
  "",
  "../x",
  "a/../../x",
  "/etc/passwd",
  "..data",
  "..x",
  "a//b",
  "a/./b",
  "a\nb",
  "a\0",
  "x".repeat(256),
  "a/".repeat(600),
];

test.each(hostile.map((path) => [path]))("a file of a volume is not written at %j", (path) => {
  expect(() => checkedPath(path)).toThrow("cannot write file");
});

test.each([["a"], ["a/b.txt"], ["a..b"], [".hidden"], ["a/..b"]])("a file may lie at %s", (path) => {
  expect(checkedPath(path)).toBe(path);
});

const file = (text: string, mode = 0o644) => ({ bytes: Buffer.from(text), mode });
const files = (entries: Record<string, string>): Files =>
  new Map(Object.entries(entries).map(([path, text]) => [path, file(text)]));
const options = { fsGroup: undefined, now: at };

function inFolder(act: (folder: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), "sampan-atomic-"));
  try {
    act(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("files change as a whole, by ..data, and names that are gone go", () => {
  inFolder((folder) => {
    expect(writeFolder(folder, files({ a: "1", "sub/b": "2" }), options)).toBe(true);
    const first = readlinkSync(join(folder, "..data"));
    expect(first).toStartWith("..2026");
    expect(readlinkSync(join(folder, "a"))).toBe("..data/a");
    expect(readlinkSync(join(folder, "sub"))).toBe("..data/sub");
    expect(readFileSync(join(folder, "sub/b"), "utf8")).toBe("2");
    expect(writeFolder(folder, files({ a: "1", "sub/b": "2" }), options)).toBe(false);
    expect(writeFolder(folder, files({ a: "3" }), options)).toBe(true);
    expect(readFileSync(join(folder, "a"), "utf8")).toBe("3");
    expect(readdirSync(folder).toSorted()).toEqual(
      ["..data", readlinkSync(join(folder, "..data")), "a"].toSorted(),
    );
    expect(readlinkSync(join(folder, "..data"))).not.toBe(first);
  });
});

test("a changed mode is a change, and what a killed writer has left goes", () => {
  inFolder((folder) => {
    writeFolder(folder, files({ a: "1" }), options);
    mkdirSync(join(folder, "..half"));
    writeFileSync(join(folder, "..data_tmp"), "");
    expect(writeFolder(folder, new Map([["a", file("1", 0o400)]]), options)).toBe(true);
    expect(lstatSync(join(folder, "..data/a")).mode & 0o777).toBe(0o400);
    expect(readdirSync(folder)).toHaveLength(3);
  });
});

test.each<[string, Files]>([
  ["a file that is a folder, too", files({ a: "1", "a/b": "2" })],
  ["too many", new Map(Array.from({ length: 10_001 }, (_, index) => [`f${index}`, file("")]))],
  ["too much", new Map([["a", { bytes: new Uint8Array((16 << 20) + 1), mode: 0o644 }]])],
])("%s is refused, and nothing is written", (_, wanted) => {
  inFolder((folder) => {
    expect(() => writeFolder(folder, wanted, options)).toThrow("cannot write");
    expect(readdirSync(folder)).toEqual([]);
  });
});

const sources = (fake = fakeMeta()) => ({
  meta: fake.meta,
  node,
  clock: stoppedClock,
  signal: new AbortController().signal,
});
const content = (volume: Omit<Volume, "name">, fake = fakeMeta(), spec = {}) =>
  contentsOf(
    pod(spec, { labels: { b: 'x"y', a: "1" }, annotations: { t: "é\n" } }),
    { name: "v", ...volume },
    sources(fake),
  );
const textOf = ({ files: found }: Awaited<ReturnType<typeof content>>) =>
  Object.fromEntries([...found].map(([path, { bytes }]) => [path, Buffer.from(bytes).toString()]));

test("behind the cloud's authority stands that of this node's own API, and nowhere else", async () => {
  const fake = fakeMeta();
  const theirs = { data: { "ca.crt": "THEIRS\n\n", other: "x" } } as object;
  for (const name of ["kube-root-ca.crt", "mine"]) fake.objects.set(`configmap/${name}`, theirs);
  const read = async (name: string, own?: string) => {
    const given = { ...sources(fake), node: { ...node, apiAuthority: () => own } };
    const projected = { sources: [{ configMap: { name, items: [{ key: "ca.crt", path: "ca.crt" }] } }] };
    return textOf(await contentsOf(pod(), { name: "v", projected }, given))["ca.crt"];
  };
  expect(await read("kube-root-ca.crt", "OURS\n")).toBe("THEIRS\nOURS\n");
  expect(await read("kube-root-ca.crt")).toBe("THEIRS\n\n");
  expect(await read("mine", "OURS\n")).toBe("THEIRS\n\n");
});

test("a config map's keys are files, or those that are asked for under other names", async () => {
  const fake = fakeMeta();
  fake.objects.set("configmap/c", { data: { a: "1", b: "2" }, binaryData: { c: "/w==" } } as object);
  expect(Object.keys(textOf(await content({ configMap: { name: "c" } }, fake)))).toEqual(["c", "a", "b"]);
  const found = await content(
    {
      configMap: {
        name: "c",
        defaultMode: 0o600,
        items: [
          { key: "a", path: "x/y", mode: 0o400 },
          { key: "b", path: "z" },
        ],
      },
    },
    fake,
  );
  expect(found.files).toEqual(
    new Map([
      ["x/y", file("1", 0o400)],
      ["z", file("2", 0o600)],
    ]),
  );
  expect(content({ configMap: { name: "c", items: [{ key: "none", path: "x" }] } }, fake)).rejects.toThrow(
    'has no key "none"',
  );
  expect(content({ configMap: { name: "c", items: [{ key: "a", path: "../x" }] } }, fake)).rejects.toThrow(
    "cannot write file",
  );
  expect(content({ configMap: { name: "c", defaultMode: 0o7777 } }, fake)).rejects.toThrow(
    "cannot use file mode",
  );
});

test("a secret's values are decoded, and an optional one may be missing", async () => {
  const fake = fakeMeta();
  fake.objects.set("secret/s", { data: { p: Buffer.from("pw").toString("base64") } } as object);
  expect(textOf(await content({ secret: { secretName: "s" } }, fake))).toEqual({ p: "pw" });
  expect(textOf(await content({ secret: { secretName: "none", optional: true } }, fake))).toEqual({});
  expect(content({ secret: { secretName: "none" } }, fake)).rejects.toThrow('secret "none"');
  fake.objects.set("secret/off", "unavailable");
  expect((await content({ secret: { secretName: "off", optional: true } }, fake)).uncertain).toBe(true);
});

test("a pod reads of itself, quoted as Go does", async () => {
  const items = [
    { path: "labels", fieldRef: { fieldPath: "metadata.labels" } },
    { path: "notes", fieldRef: { fieldPath: "metadata.annotations" } },
    { path: "cpu", resourceFieldRef: { resource: "limits.cpu", containerName: "main" }, mode: 0o400 },
  ];
  const found = await content({ downwardAPI: { items } });
  expect(textOf(found)).toEqual({ labels: 'a="1"\nb="x\\"y"', notes: 't="é\\n"', cpu: "4" });
  expect(content({ downwardAPI: { items: [{ path: "x" }] } })).rejects.toThrow("has no source");
  expect(
    content({ downwardAPI: { items: [{ path: "x", fieldRef: { fieldPath: "status.podIP" } }] } }),
  ).rejects.toThrow("cannot use fieldPath");
});

test("a token is asked for as the pod's, kept from other users, and renewed after four fifths of its life", async () => {
  const fake = fakeMeta();
  const projected = {
    sources: [{ serviceAccountToken: { path: "token", expirationSeconds: 1000, audience: "vault" } }],
  };
  const found = await content({ projected }, fake, {
    serviceAccountName: "robot",
    securityContext: { runAsUser: 7 },
  });
  expect(found.renewAt).toBe(at + 800_000);
  expect(found.files.get("token")).toEqual({ bytes: Buffer.from("token-1"), mode: 0o600, uid: 7 });
  expect(fake.asked[0]).toMatchObject({
    metadata: { namespace: "shop", name: "robot" },
    spec: {
      audiences: ["vault"],
      expirationSeconds: 1000,
      boundObjectRef: { kind: "Pod", name: "web", uid: "0d1e-1" },
    },
  });
  const open = await content({ projected }, fake);
  expect(open.files.get("token")?.mode).toBe(0o644);
});

test("a projection that this node has not is refused by its name", () => {
  const projected = { sources: [{ clusterTrustBundle: { path: "x" } } as object] };
  expect(content({ projected })).rejects.toThrow('"clusterTrustBundle" is not supported');
});

const mounting = (volumes: readonly Volume[], names = volumes.map(({ name }) => name)) =>
  pod({
    volumes,
    containers: [container({ volumeMounts: names.map((name) => ({ name, mountPath: "/x" })) })],
  });

test("only volumes that a container mounts are made", () => {
  const volumes = [
    { name: "a", emptyDir: {} },
    { name: "b", nfs: {} },
  ];
  expect(usedVolumes(mounting(volumes, ["a"])).map(({ name }) => name)).toEqual(["a"]);
});

test.each<[string, () => unknown]>([
  ["a name that is a path", () => usedVolumes(mounting([{ name: "../x", emptyDir: {} }]))],
  ["a name with a line end", () => usedVolumes(mounting([{ name: "a\nb", emptyDir: {} }]))],
  ["two of a name", () => usedVolumes(mounting([{ name: "a" }, { name: "a" }]))],
  ["one that the pod has not", () => usedVolumes(mounting([], ["a"]))],
  [
    "thousands",
    () =>
      usedVolumes(
        mounting(
          Array.from({ length: 501 }, (_, index) => ({ name: `v${index}` })),
          [],
        ),
      ),
  ],
  ["no source", () => volumeKind({ name: "a" })],
  ["two sources", () => volumeKind({ name: "a", emptyDir: {}, configMap: {} })],
  ["a driver's", () => volumeKind({ name: "a", csi: { driver: "x" } })],
  ["a generic ephemeral one", () => volumeKind({ name: "a", ephemeral: {} })],
])("volumes are refused: %s", (_, look) => {
  expect(look).toThrow();
});

test("the kernel's table is read with its escapes, the deepest mount first", () => {
  const table = [
    "1 0 8:1 / / rw - ext4 x rw",
    "2 1 8:1 / /a\\040b rw - ext4 x rw",
    "3 2 8:1 / /a\\040b/c rw - ext4 x rw",
    "4 1 8:1 / /a\\040bc rw - ext4 x rw",
    "",
  ].join("\n");
  expect(mountPoints(table)).toEqual(["/", "/a b", "/a b/c", "/a bc"]);
  expect(mountsBelow("/a b", table)).toEqual(["/a b/c", "/a b"]);
});

test.each(["/a", "a/../b", "..", "a\0b", "a/".repeat(101)])("sub-path %j is refused", (path) => {
  expect(() => checkedSubPath(path)).toThrow("cannot use subPath");
});

const expression = (key: string, operator: string, ...values: string[]) => ({
  matchExpressions: [{ key, operator, values }],
});
const labelled = { apiVersion: "v1", kind: "Node", metadata: { labels: { zone: "a", size: "5" } } };

test.each([
  [[expression("zone", "In", "a", "b")], true],
  [[expression("zone", "NotIn", "a")], false],
  [[expression("other", "NotIn", "a")], true],
  [[expression("zone", "Exists")], true],
  [[expression("zone", "DoesNotExist")], false],
  [[expression("size", "Gt", "4")], true],
  [[expression("size", "Lt", "4")], false],
  [[expression("zone", "Like", "a")], false],
  [[expression("zone", "In", "x"), expression("kubernetes.io/hostname", "In", "edge-1")], true],
  [[{ matchFields: [{ key: "metadata.name", operator: "In", values: ["edge-1"] }] }], true],
  [[{}], false],
  [[], false],
])("node selector %j", (nodeSelectorTerms, wanted) => {
  expect(isOnNode({ nodeSelectorTerms }, "edge-1", labelled)).toBe(wanted);
});
