// deadline: 240 s
/** docker cp, with containers that run and that do not, and against those that want to lead it out of their files. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout } from "bun:test";
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { once } from "node:events";
import { dirname, join } from "node:path";
import { SampanError } from "../../../src/base/errors.ts";
import { readInsideOf, statInside, writeInside } from "../../../src/engine/containers/copy-inside.ts";
import { needing } from "../../needs.ts";
import { needs, openPlace, type Place } from "./place.ts";

const { test } = needing(needs);
setDefaultTimeout(90_000);
let place: Place;
beforeAll(async () => {
  place = await openPlace();
});
afterAll(async () => {
  await place?.[Symbol.asyncDispose]();
});

const none = ["--network", "none"];
const fresh = () => mkdtempSync(join(place.folder, "here-"));
const texts = async (bytes: Promise<Response>) => {
  const file = join(fresh(), "a.tar");
  writeFileSync(file, await (await bytes).bytes());
  return Bun.spawnSync(["tar", "tvPf", file]).stdout.toString().trim().split("\n");
};
const names = async (container: string, path: string) =>
  (await texts(place.request("GET", `/containers/${container}/archive?path=${path}`))).map((line) =>
    line.replace(/^(?:\S+\s+){5}/, ""),
  );

function tarOf(folder: string, ...words: string[]): Uint8Array {
  return Bun.spawnSync([
    "tar",
    "-C",
    folder,
    "--owner=1234",
    "--group=2345",
    "--numeric-owner",
    "-cf",
    "-",
    ...words,
  ]).stdout;
}

const put = async (container: string, path: string, archive: Uint8Array, more = "") => {
  const answer = await place.request("PUT", `/containers/${container}/archive?path=${path}${more}`, archive);
  return `${answer.status} ${(await answer.text()).trim()}`.trim();
};

describe.each([{ runs: true }, { runs: false }])("of a container, runs: $runs", ({ runs }) => {
  const name = runs ? "running" : "stopped";
  let bound: string;

  beforeAll(async () => {
    bound = fresh();
    mkdirSync(join(bound, "below"));
    writeFileSync(join(bound, "below/file"), "in the bind\n");
    await place.out("volume", "create", `vol-${name}`);
    const mounts = [`vol-${name}:/data`, `${bound}:/bound`, `${bound}:/fixed:ro`].flatMap((each) => [
      "-v",
      each,
    ]);
    const making = [
      "echo volume > /data/v; mkdir -p /var /run /some; ln -s /run /var/run; echo own > /some/file",
      "chmod 750 /some; chown 7:8 /some; ln -s /etc/passwd /some/link; ln -s /nowhere /some/broken",
      "echo > /ready; sleep 1000",
    ].join("; ");
    await place.out("run", "-d", ...none, "--name", name, ...mounts, "busy", "sh", "-c", making);
    while ((await place.docker(["cp", `${name}:/ready`, join(bound, "ready")])).status !== 0);
    if (!runs) await place.out("kill", name);
    if (!runs) await place.out("wait", name);
  });
  afterAll(async () => {
    await place.out("rm", "-f", name);
    await place.out("volume", "rm", `vol-${name}`);
  });

  test("files and folders come out with their names as dockerd gives them", async () => {
    expect(await names(name, "/some/file")).toEqual(["file"]);
    const inside = ["broken -> /nowhere", "file", "link -> /etc/passwd"];
    expect(await names(name, "/some")).toEqual(["some/", ...inside.map((each) => `some/${each}`)]);
    expect(await names(name, "/some/.")).toEqual(["./", ...inside.map((each) => `./${each}`)]);
    expect((await names(name, "/")).slice(0, 3)).toEqual(["/", "/.dockerenv", "/bin/"]);
    const target = fresh();
    await place.out("cp", `${name}:/some`, join(target, "new"));
    expect(readdirSync(join(target, "new")).toSorted()).toEqual(["broken", "file", "link"]);
    await place.out("cp", `${name}:/some/.`, target);
    expect(readFileSync(join(target, "file"), "utf8")).toBe("own\n");
  });

  test("a path is told what it is, and where a link leads", async () => {
    const stat = async (path: string) => {
      const answer = await place.request("HEAD", `/containers/${name}/archive?path=${path}`);
      const text = Buffer.from(answer.headers.get("x-docker-container-path-stat") ?? "", "base64").toString();
      return JSON.parse(text) as { name: string; mode: number; linkTarget: string; size: number };
    };
    expect(await stat("/some/file")).toMatchObject({ name: "file", size: 4, mode: 0o644, linkTarget: "" });
    expect(await stat("/some")).toMatchObject({ name: "some", mode: 2 ** 31 + 0o750 });
    expect(await stat("/some/link")).toMatchObject({
      name: "link",
      mode: 2 ** 27 + 0o777,
      linkTarget: "/etc/passwd",
    });
    expect(await stat("/some/broken")).toMatchObject({ linkTarget: "/nowhere" });
    expect(await stat("/var/run/.")).toMatchObject({ name: "." });
  });

  test("volumes and binds are part of it, both ways", async () => {
    const target = fresh();
    await place.out("cp", `${name}:/bound/below/file`, target);
    await place.out("cp", `${name}:/data`, target);
    expect([
      readFileSync(join(target, "file"), "utf8"),
      readFileSync(join(target, "data/v"), "utf8"),
    ]).toEqual(["in the bind\n", "volume\n"]);
    const root = await names(name, "/");
    expect(root).toContain("/bound/below/file");
    expect(root.filter((each) => /^\/(?:proc|sys)\/./.test(each))).toEqual([]);
    await place.out("cp", join(target, "file"), `${name}:/bound/below/put`);
    expect(readFileSync(join(bound, "below/put"), "utf8")).toBe("in the bind\n");
    await place.out("cp", join(target, "file"), `${name}:/data/put`);
    await place.out("cp", `${name}:/data/put`, join(target, "back"));
    expect(readFileSync(join(target, "back"), "utf8")).toBe("in the bind\n");
    expect(await put(name, "/fixed", tarOf(target, "file"))).toContain("400");
    expect(await put(name, "/fixed", tarOf(target, "file"))).toContain("mounted volume is marked read-only");
    expect(existsSync(join(bound, "file"))).toBe(false);
  });

  test("an absolute link on the way means what it means inside", async () => {
    const source = fresh();
    writeFileSync(join(source, "pid"), "by link\n");
    await place.out("cp", join(source, "pid"), `${name}:/var/run/pid`);
    await place.out("cp", `${name}:/run/pid`, join(source, "back"));
    expect(readFileSync(join(source, "back"), "utf8")).toBe("by link\n");
    mkdirSync(join(source, "tree/var/run"), { recursive: true });
    writeFileSync(join(source, "tree/var/run/deep"), "deeper\n");
    expect(await put(name, "/", tarOf(join(source, "tree"), "var/run/deep"))).toBe("200");
    await place.out("cp", `${name}:/run/deep`, join(source, "deep"));
    expect(readFileSync(join(source, "deep"), "utf8")).toBe("deeper\n");
  });

  test("folders that are there keep their owner and mode; new ones have those of the archive", async () => {
    const source = fresh();
    mkdirSync(join(source, "some/made/inner"), { recursive: true });
    writeFileSync(join(source, "some/made/file"), "x");
    chmodSync(join(source, "some"), 0o777);
    chmodSync(join(source, "some/made"), 0o711);
    chmodSync(join(source, "some/made/file"), 0o4751);
    expect(await put(name, "/", tarOf(source, "some"))).toBe("200");
    const listed = await texts(place.request("GET", `/containers/${name}/archive?path=/some`));
    const of = (path: string) =>
      listed
        .find((line) => line.endsWith(` ${path}`))
        ?.split(/\s+/)
        .slice(0, 2)
        .join(" ");
    expect(of("some/")).toBe("drwxr-x--- 7/8");
    expect(of("some/made/")).toBe("drwx--x--x 1234/2345");
    expect(of("some/made/file")).toBe("-rwsr-x--x 1234/2345");
  });

  test("what is packed by gzip or zstd is unpacked, other packers are refused and never run", async () => {
    const source = fresh();
    writeFileSync(join(source, "packed"), "packed\n");
    const plain = tarOf(source, "packed") as Uint8Array<ArrayBuffer>;
    expect(await put(name, "/tmp", Bun.gzipSync(plain))).toBe("200");
    expect(await put(name, "/tmp", Bun.zstdCompressSync(plain))).toBe("200");
    await place.out("cp", `${name}:/tmp/packed`, join(source, "back"));
    expect(readFileSync(join(source, "back"), "utf8")).toBe("packed\n");
    const xz = Uint8Array.of(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0, 0, 4);
    expect(await put(name, "/tmp", xz)).toContain("400");
  });

  test("with -a the files are the archive's owner's, else by copyUIDGID the container's user's", async () => {
    const source = fresh();
    writeFileSync(join(source, "mine"), "x");
    expect(await put(name, "/tmp", tarOf(source, "mine"), "&copyUIDGID=1")).toBe("200");
    const [line = ""] = await texts(place.request("GET", `/containers/${name}/archive?path=/tmp/mine`));
    expect(line.split(/\s+/)[1]).toBe("0/0");
  });

  test("a folder is not replaced by a file, nor a file by a folder, where that is asked", async () => {
    const source = fresh();
    writeFileSync(join(source, "some"), "a file");
    mkdirSync(join(source, "ready"));
    const keep = "&noOverwriteDirNonDir=true";
    expect(await put(name, "/", tarOf(source, "some"), keep)).toContain(
      'cannot overwrite directory \\"some\\" with non-directory',
    );
    expect(await put(name, "/", tarOf(source, "ready"), keep)).toContain(
      'cannot overwrite non-directory \\"ready\\" with directory',
    );
    expect(await put(name, "/ready", tarOf(source, "some"))).toContain("extraction point is not a directory");
    expect(await put(name, "/none", tarOf(source, "some"))).toContain("404");
  });

  test("names that lead out of it stay in it or are refused", async () => {
    const source = fresh();
    const evil = join(place.folder, `evil-${name}`);
    writeFileSync(join(source, "x"), "out");
    const up = Bun.spawnSync([
      "tar",
      "-C",
      source,
      "-P",
      "--transform",
      "s,^x,../../../../evil,",
      "-cf",
      "-",
      "x",
    ]).stdout;
    expect(await put(name, "/tmp", up)).toContain("400");
    symlinkSync(place.folder, join(source, "door"));
    const through = Bun.spawnSync([
      "tar",
      "-C",
      source,
      "-P",
      "-cf",
      "-",
      "--transform",
      `s,^x,door/evil-${name},`,
      "door",
      "x",
    ]).stdout;
    expect(await put(name, "/tmp", through)).toContain("400");
    expect(existsSync(evil)).toBe(false);
    // The same folders inside: then it is there that the link leads.
    expect(await put(name, "/", tarOf("/", "--no-recursion", place.folder.slice(1)))).toBe("200");
    expect(await put(name, "/tmp", through)).toBe("200");
    expect(existsSync(evil)).toBe(false);
    expect((await names(name, `${place.folder}/evil-${name}`))[0]).toBe(`evil-${name}`);
  });

  test("nothing stays mounted or open", async () => {
    const before = place.descriptors();
    for (let n = 0; n < 5; n++) await names(name, "/some");
    expect(place.descriptors()).toBeLessThanOrEqual(before);
    expect(readFileSync(`/proc/${place.pid}/mountinfo`, "utf8")).not.toContain("/copies/");
  });
});

test("a container that swaps a folder for a link all the time never leads a copy out", async () => {
  const secret = fresh();
  writeFileSync(join(secret, "target"), "of the host\n");
  chmodSync(secret, 0o700);
  const swap =
    "mkdir -p /swap/a; echo inside > /swap/a/target; ln -s $1 /swap/l; while :; do mv /swap/a /swap/x; mv /swap/l /swap/a; mv /swap/a /swap/l; mv /swap/x /swap/a; done";
  const flags = ["-d", ...none, "--name", "swapper", "-v", "swapped:/swap"];
  await place.out("run", ...flags, "busy", "sh", "-c", swap, "sh", secret);
  const source = fresh();
  writeFileSync(join(source, "target"), "from outside\n");
  const archive = tarOf(source, "target");
  const seen = new Set<string>();
  const note = (bytes: Buffer) =>
    seen.add(bytes.toString("latin1", 512, Math.max(512, bytes.indexOf(0x0a, 512))));
  const pid = Number(await place.out("inspect", "-f", "{{.State.Pid}}", "swapper"));
  const root = openSync(`/proc/${pid}/root`, "r");
  const base = { remap: undefined, mounts: [] };
  const refused: string[] = [];
  for (let n = 0; n < 10_000; n++)
    try {
      const one = n % 4;
      if (one === 0) await writeInside(root, { ...base, verb: "write", path: "/swap/a" }, [archive]);
      else if (one === 1)
        note(Buffer.concat([...readInsideOf(root, { ...base, verb: "read", path: "/swap/a/target" })]));
      else if (one === 2) Buffer.concat([...readInsideOf(root, { ...base, verb: "read", path: "/swap" })]);
      else statInside(root, "/swap/a/target");
    } catch (error) {
      refused.push(SampanError.from(error).code);
    }
  closeSync(root);
  for (let n = 0; n < 40; n++) {
    if (n % 2 === 0) await put("swapper", "/swap/a", archive);
    else
      note(
        Buffer.from(
          await (await place.request("GET", "/containers/swapper/archive?path=/swap/a/target")).bytes(),
        ),
      );
  }
  expect(seen).not.toContain("of the host");
  expect(readFileSync(join(secret, "target"), "utf8")).toBe("of the host\n");
  expect(readdirSync(secret)).toEqual(["target"]);
  expect(statSync(secret).mode & 0o777).toBe(0o700);
  // Of tries that all went well, or all failed, none would have met the swap.
  expect([...seen].some((each) => each === "inside" || each === "from outside")).toBe(true);
  expect(refused.length).toBeGreaterThan(0);
  expect(refused.filter((code) => code === "internal" || code === "unknown")).toEqual([]);
  await place.out("rm", "-f", "swapper");
  await place.out("volume", "rm", "swapped");
});

test("a root that is read-only is not written to, its volumes are", async () => {
  await place.out(
    "run",
    "-d",
    ...none,
    "--name",
    "fixed",
    "--read-only",
    "-v",
    "loose:/loose",
    "busy",
    "sleep",
    "1000",
  );
  const source = fresh();
  writeFileSync(join(source, "f"), "x");
  expect(await put("fixed", "/tmp", tarOf(source, "f"))).toContain("container rootfs is marked read-only");
  expect(await put("fixed", "/loose", tarOf(source, "f"))).toBe("200");
  await place.out("rm", "-f", "fixed");
  await place.out("volume", "rm", "loose");
});

test("a part of a volume is that part, and a link in it leads nowhere else", async () => {
  await place.out("volume", "create", "parts");
  await place.out(
    "run",
    "--rm",
    ...none,
    "-v",
    "parts:/all",
    "busy",
    "sh",
    "-c",
    "mkdir /all/one; echo part > /all/one/file; ln -s /etc /all/out",
  );
  // Docker's command line has no word for it before version 26.
  const create = async (name: string, Subpath: string) => {
    const Mounts = [{ Type: "volume", Source: "parts", Target: "/part", VolumeOptions: { Subpath } }];
    const HostConfig = { NetworkMode: "none", Mounts };
    const body = { Image: "busy", Cmd: ["true"], HostConfig };
    expect((await place.request("POST", `/containers/create?name=${name}`, body)).status).toBe(201);
  };
  await create("part", "one");
  const target = fresh();
  await place.out("cp", "part:/part/file", target);
  expect(readFileSync(join(target, "file"), "utf8")).toBe("part\n");
  await create("leads", "out");
  expect((await place.docker(["cp", "leads:/part/passwd", target])).err).toMatch(
    /Could not find the file|No such container:path/,
  );
  await place.out("rm", "part", "leads");
  await place.out("volume", "rm", "parts");
});

test("owners are those inside a user namespace, both ways, whether it runs or not", async () => {
  // Root of the namespace has to get to its files.
  chmodSync(dirname(dirname(place.socket)), 0o711);
  const made = await place.request("POST", "/containers/create?name=mapped", {
    Image: "busy",
    Cmd: ["sleep", "1000"],
    HostConfig: { NetworkMode: "none", UsernsMode: "0:100000:65536" },
  });
  expect(made.status).toBe(201);
  await place.out("start", "mapped");
  const source = fresh();
  writeFileSync(join(source, "owned"), "x");
  const owner = async () =>
    (await texts(place.request("GET", "/containers/mapped/archive?path=/tmp/owned")))[0]?.split(/\s+/)[1];
  expect(await put("mapped", "/tmp", tarOf(source, "owned"))).toBe("200");
  expect(await owner()).toBe("1234/2345");
  expect(await place.out("exec", "mapped", "stat", "-c", "%u:%g", "/tmp/owned")).toBe("1234:2345");
  await place.out("kill", "mapped");
  await place.out("wait", "mapped");
  expect(await owner()).toBe("1234/2345");
  expect(await put("mapped", "/tmp", tarOf(source, "owned"), "&copyUIDGID=1")).toBe("200");
  expect(await owner()).toBe("0/0");
  await place.out("rm", "mapped");
});

test("a client that goes away in the middle of a copy ends its helper", async () => {
  await place.out(
    "run",
    "-d",
    ...none,
    "--name",
    "large",
    "busy",
    "sh",
    "-c",
    "yes | head -c 100000000 > /large; sleep 1000",
  );
  while (
    (await place.out("exec", "large", "sh", "-c", "[ -f /large ] && stat -c %s /large || true")) !==
    "100000000"
  );
  const helpers = () =>
    readdirSync("/proc").filter((pid) => {
      try {
        return (
          /^\d+$/.test(pid) &&
          new RegExp(`\\) \\w ${place.pid} `).test(readFileSync(`/proc/${pid}/stat`, "utf8")) &&
          readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("\0copy\0")
        );
      } catch {
        return false;
      }
    }).length;
  for (const path of ["/large", "/"]) {
    const peer = await place.dial();
    peer.write(`GET /containers/large/archive?path=${path} HTTP/1.1\r\nHost: docker\r\n\r\n`);
    await once(peer, "data");
    peer.destroy();
  }
  while (helpers() > 0) await place.request("GET", "/_ping");
  await place.out("rm", "-f", "large");
});
