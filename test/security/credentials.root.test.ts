/**
 * Secrets stay where they belong: not in what is printed (errors, progress, listings), not on a command line that everybody can read in /proc, not in the data root, not in images; and the file of them is its owner's only.
 *
 * Known to work: the search finds the secret in docker's config.json, where it has to be.
 */
// deadline: 60 s
import { afterAll, beforeAll, expect } from "bun:test";
import { chmodSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { busyboxImage, makeProgram, type Program } from "../cli/_program.ts";
import { onTerminal } from "../cli/on-terminal.ts";
import type { TestImage } from "../images/image.ts";
import { needing } from "../needs.ts";
import { servingImage, startMock, type MockRegistry } from "../registry/mock.ts";
import { scratch } from "./_place.ts";

const { test } = needing({ root: true, programs: ["grep"], files: ["/bin/busybox"] });

const secret = "hunter2-SeCrEt";
const token = "ToKeN-of-the-server";
const signature = "SiGnAtUrE-of-the-store";
const forms = [secret, token, signature, btoa(`me:${secret}`)];

let program: Program;
let registry: MockRegistry;
let image: TestImage;
/** How the registry answers what it is asked for, beside its token server. */
let blobs: "honest" | "signed" | "refused" = "honest";

beforeAll(async () => {
  program = makeProgram();
  image = await busyboxImage();
  const honest = servingImage(image);
  registry = await startMock((request) => {
    const host = request.headers["host"] ?? "";
    if (request.path.startsWith("/token"))
      return request.headers["authorization"] === `Basic ${btoa(`me:${secret}`)}`
        ? { body: JSON.stringify({ token, expires_in: 300 }) }
        : { status: 401, body: JSON.stringify({ details: "wrong" }) };
    if (request.headers["authorization"] !== `Bearer ${token}`)
      return {
        status: 401,
        headers: { "WWW-Authenticate": `Bearer realm="http://${host}/token",service="x"` },
      };
    if (request.path === "/v2/") return {};
    if (request.path.includes("/blobs/") && blobs === "signed")
      return { status: 307, headers: { Location: `http://${host}/gone?sig=${signature}` } };
    if (blobs === "refused") return { status: 403, body: JSON.stringify({ errors: [{ code: "DENIED" }] }) };
    return honest(request);
  });
});
afterAll(() => {
  registry?.[Symbol.dispose]();
  program?.[Symbol.dispose]();
});

const found = (text: string) => forms.filter((form) => text.includes(form));

/** All files below that hold one of the secrets. */
function holding(folder: string): string[] {
  const words = forms.flatMap((form) => ["-e", form]);
  return Bun.spawnSync(["grep", "-rlaF", ...words, folder])
    .stdout.toString()
    .trim()
    .split("\n")
    .filter(Boolean);
}

test("nothing of a login, a pull and a push shows a secret, and config.json alone keeps it", async () => {
  const name = `${registry.host}/box:1`;
  const said: string[] = [];
  const call = async (wanted: number, args: readonly string[], input = "") => {
    const { status, out, err } = await program.run(args, input);
    expect({ args, status, said: status === wanted ? "" : out + err }).toEqual({
      args,
      status: wanted,
      said: "",
    });
    said.push(out, err);
  };
  await call(1, ["login", "-u", "me", "--password-stdin", registry.host], `${secret}x`);
  await call(0, ["login", "-u", "me", "--password-stdin", registry.host], secret);
  blobs = "signed";
  await call(1, ["pull", name]);
  blobs = "refused";
  await call(1, ["pull", name]);
  blobs = "honest";
  await call(0, ["pull", name]);
  const screen = onTerminal(program, ["pull", name]);
  await screen.exited;
  said.push(screen.text());
  await call(0, ["push", name]);
  await call(0, ["inspect", name]);
  await call(0, ["system", "df", "-v"]);
  expect(found(said.join("\n"))).toEqual([]);
  expect(said.join("\n")).toContain("Login Succeeded");
  expect(registry.requests.some(({ headers }) => headers["authorization"]?.includes(token))).toBe(true);
  expect(holding(program.folder)).toEqual([join(program.folder, "docker/config.json")]);
  expect(statSync(join(program.folder, "docker/config.json")).mode & 0o777).toBe(0o600);
}, 180_000);

test("a file of credentials that others can read is not so any more after a login, and a broken one is not quoted", async () => {
  const path = join(program.folder, "docker/config.json");
  chmodSync(path, 0o644);
  await program.run(["login", "-u", "me", "--password-stdin", registry.host], secret);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  const whole = readFileSync(path, "utf8");
  writeFileSync(path, whole.replace("}", ""));
  const { status, out, err } = await program.run(["pull", `${registry.host}/other:1`]);
  writeFileSync(path, whole);
  expect(status).toBe(1);
  expect(err).toContain("config.json");
  expect(found(out + err)).toEqual([]);
});

test("a credential helper gets the secret on its standard input only, and what it says when it fails is not shown", async () => {
  using place = scratch();
  const log = join(place.path, "log");
  mkdirSync(log);
  const helper = (name: string, more: string) =>
    writeFileSync(
      join(place.path, `docker-credential-${name}`),
      `#!/bin/sh\nin=$(cat)\ntr '\\0' ' ' < /proc/$$/cmdline > ${log}/cmdline-${name}-$1\ntr '\\0' ' ' < /proc/$PPID/cmdline > ${log}/parent-${name}-$1\nenv > ${log}/env-${name}-$1\n${more}\n`,
      { mode: 0o755 },
    );
  helper("good", "exit 0");
  helper("talks", 'echo "error: cannot keep $in"; exit 1');
  for (const [name, wanted] of [
    ["good", 0],
    ["talks", 1],
  ] as const) {
    const docker = join(place.path, name);
    mkdirSync(docker);
    writeFileSync(join(docker, "config.json"), JSON.stringify({ credsStore: name }));
    const env = { ...program.env, DOCKER_CONFIG: docker, PATH: `${place.path}:${program.env["PATH"]}` };
    const child = Bun.spawn([...program.command, "login", "-u", "me", "--password-stdin", registry.host], {
      env,
      stdin: Buffer.from(secret),
      stdout: "pipe",
      stderr: "pipe",
    });
    const [out, err, status] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
    expect({ name, status, err: status === wanted ? "" : err }).toEqual({ name, status: wanted, err: "" });
    expect(found(out + err)).toEqual([]);
    expect(found(readFileSync(join(docker, "config.json"), "utf8"))).toEqual([]);
  }
  expect(readdirSync(log).length).toBeGreaterThanOrEqual(6);
  expect(holding(log)).toEqual([]);
});
