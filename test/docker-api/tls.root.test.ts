/** Docker's command line over TCP with mutual TLS, where connections are handed to node:http: streams and their ends. And its older selves, over the same. */
import { afterAll, beforeAll, expect, setDefaultTimeout } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeArchive } from "../counterparts/image.ts";
import { makePlace } from "../daemon/_daemon.ts";
import { needing } from "../needs.ts";
import { makeCertificates, type Certificates } from "../registry/certificates.ts";
import { freePort } from "../registry/port.ts";

const { test } = needing({
  root: true,
  programs: ["docker", "busybox", "openssl"],
  files: ["build/launcher"],
});
setDefaultTimeout(60_000);

const stack = new AsyncDisposableStack();
let files: Certificates;
let folder: string;
let host: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "sampan-tls-"));
  stack.defer(() => rmSync(folder, { recursive: true }));
  files = stack.use(makeCertificates());
  host = `tcp://127.0.0.1:${await freePort()}`;
  const place = stack.use(makePlace());
  await Bun.write(place.config, "[network]\nfirewall = false\n\n[network.bridge]\nenabled = false\n");
  const { authority, certificate, key } = files;
  const flags = ["--tlsverify", "--tlscacert", authority, "--tlscert", certificate, "--tlskey", key];
  await place.start({ flags: ["-H", host, ...flags] });
  await docker("import", await makeArchive(folder), "box");
});
afterAll(() => stack.disposeAsync());

interface Given {
  readonly input?: string;
  readonly version?: string;
}

async function dockerWith({ input, version }: Given, ...words: string[]): Promise<string> {
  const { authority, certificate, key } = files;
  const flags = [
    "--tlsverify",
    "--tlscacert",
    authority,
    "--tlscert",
    certificate,
    "--tlskey",
    key,
    "-H",
    host,
  ];
  const child = Bun.spawn(["docker", ...flags, ...words], {
    env: {
      PATH: process.env["PATH"] ?? "",
      HOME: folder,
      ...(version === undefined ? {} : { DOCKER_API_VERSION: version }),
    },
    stdin: input === undefined ? "ignore" : new Blob([input]),
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err, status] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  expect(`${status} ${err}`).toStartWith("0 ");
  return out.trim();
}

const docker = (...words: string[]) => dockerWith({}, ...words);
const program = ["sh", "-c", "cat; echo after"];

test("what a program says after the end of its input still comes", async () => {
  const run = ["run", "--rm", "--interactive", "--network", "none", "box"];
  expect(await dockerWith({ input: "words\n" }, ...run, ...program)).toBe("words\nafter");
});

test("what is asked of an exec does not become its input", async () => {
  await docker("run", "--detach", "--network", "none", "--name", "here", "box", "sleep", "1000");
  expect(await docker("exec", "here", "echo", "hi")).toBe("hi");
  expect(await dockerWith({ input: "typed\n" }, "exec", "--interactive", "here", ...program)).toBe(
    "typed\nafter",
  );
  await docker("rm", "--force", "here");
});

test.each(["1.24", "1.30", "1.36", "1.41", "1.43", "1.45", "1.47"])(
  "version %s of the API",
  async (version) => {
    const older = (...words: string[]) => dockerWith({ version }, ...words);
    expect(await older("version", "--format", "{{.Client.APIVersion}}")).toBe(version);
    expect(await older("info", "--format", "{{.OSType}}")).toBe("linux");
    expect(await older("images", "--format", "{{.Repository}}")).toBe("box");
    const name = `at-${version}`;
    expect(
      await older("run", "--name", name, "--network", "none", "--label", "a=b", "box", "echo", "hi"),
    ).toBe("hi");
    expect(await older("ps", "--all", "--filter", "label=a=b", "--format", "{{.Names}}")).toBe(name);
    expect(await older("logs", name)).toBe("hi");
    expect(await older("inspect", "--format", "{{.State.ExitCode}}", name)).toBe("0");
    await older("start", name);
    await older("wait", name);
    await older("rm", name);
    await older("volume", "create", name);
    expect(await older("volume", "ls", "--quiet")).toBe(name);
    await older("volume", "rm", name);
    expect(await older("network", "ls", "--format", "{{.Name}}")).toContain("none");
    expect(await older("history", "--quiet", "--no-trunc", "box")).toStartWith("sha256:");
  },
);
