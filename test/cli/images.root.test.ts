/** The command line with its real engine and a real registry: images. */
import { afterAll, beforeAll, expect } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pushImage } from "../images/push.ts";
import { needing } from "../needs.ts";
import { registryNeeds, startRegistry, type RunningRegistry } from "../registry/docker-registry.ts";
import { busyboxImage, makeProgram, type Program } from "./_program.ts";

const { test } = needing({ root: true, ...registryNeeds, files: ["/bin/busybox"] });

let program: Program;
let registry: RunningRegistry;
let name = "";
let digest = "";

beforeAll(async () => {
  program = makeProgram();
  registry = await startRegistry({ auth: { username: "me", secret: "secret" } });
  name = `${registry.host}/team/box:1`;
  const image = await busyboxImage();
  digest = image.manifest.descriptor.digest;
  const auth = { username: "me", secret: "secret" };
  await pushImage({ url: registry.url, repository: "team/box", auth }, image, "1");
});
afterAll(async () => {
  await registry?.[Symbol.asyncDispose]();
  program?.[Symbol.dispose]();
});

test("login keeps what the registry takes, and refuses what it does not", async () => {
  const wrong = await program.run(["login", "-u", "me", "--password-stdin", registry.host], "wrong\n");
  expect(wrong).toMatchObject({ status: 1, out: "" });
  expect(wrong.err).toStartWith(`Error response from daemon: cannot log in to registry "${registry.host}": `);
  const right = await program.run(["login", "-u", "me", "--password-stdin", registry.host], "secret\n");
  expect(right).toEqual({ status: 0, out: "Login Succeeded\n", err: "" });
  expect(JSON.parse(readFileSync(join(program.folder, "docker/config.json"), "utf8"))).toEqual({
    auths: { [registry.host]: { auth: btoa("me:secret") } },
  });
});

test("pull downloads, says so as docker does, and then that the image is up to date", async () => {
  const first = await program.run(["pull", name]);
  expect(first.err).toBe("");
  const lines = first.out.trimEnd().split("\n");
  expect(lines[0]).toBe("1: Pulling from team/box");
  expect(lines.filter((line) => /^[0-9a-f]{12}: Pull complete$/.test(line))).toHaveLength(2);
  expect(lines.slice(-3)).toEqual([`Digest: ${digest}`, `Status: Downloaded newer image for ${name}`, name]);
  const repository = name.slice(0, name.lastIndexOf(":"));
  expect((await program.run(["pull", "-a", repository])).out).toEndWith(`\n${repository}\n`);
  const second = await program.run(["pull", name]);
  expect(second.out).toContain(`Status: Image is up to date for ${name}`);
});

test("search asks the registry's catalog", async () => {
  const { out } = await program.run(["search", "--format", "{{.Name}}", `${registry.host}/bo`]);
  expect(out).toBe(`${registry.host}/team/box\n`);
});

test("images, inspect and history show it", async () => {
  const { out } = await program.run(["images", "--digests"]);
  const [head = "", row = "", ...rest] = out.trimEnd().split("\n");
  expect(head).toMatch(/^REPOSITORY +TAG +DIGEST +IMAGE ID +CREATED +SIZE$/);
  expect(row).toMatch(
    new RegExp(`^${registry.host}/team/box +1 +${digest} +[0-9a-f]{12} +.+ago +[\\d.]+MB$`),
  );
  expect(rest).toEqual([]);
  const inspected = await program.run(["inspect", name]);
  expect(JSON.parse(inspected.out)[0]).toMatchObject({
    RepoTags: [name],
    RepoDigests: [`${registry.host}/team/box@${digest}`],
    Config: { Labels: { maker: "test" } },
    Os: "linux",
  });
  const field = await program.run(["inspect", "-f", "{{.Config.Labels.maker}} {{len .RootFS.Layers}}", name]);
  expect(field.out).toBe("test 2\n");
  const history = await program.run(["history", "--format", "{{.CreatedBy}}", name]);
  expect(history.out).toBe("layer 1\nlayer 0\n");
});

test("a tag can be pushed, removed and pulled again; the id stays", async () => {
  const second = `${registry.host}/team/copy:2`;
  const id = (await program.run(["images", "-q", name])).out;
  expect(await program.run(["tag", name, second])).toMatchObject({ status: 0, out: "" });
  const pushed = await program.run(["push", second]);
  expect(pushed.err).toBe("");
  expect(pushed.out).toContain(`The push refers to repository [${registry.host}/team/copy]`);
  expect(pushed.out).toMatch(/^2: digest: sha256:[0-9a-f]{64} size: \d+$/m);
  const untagged = await program.run(["rmi", name]);
  expect(untagged.out).toContain(`Untagged: ${name}\n`);
  expect(untagged.out).not.toContain("Deleted:");
  const removed = await program.run(["rmi", second]);
  expect(removed.out).toMatch(/^Deleted: sha256:/m);
  expect((await program.run(["images", "-aq"])).out).toBe("");
  expect((await program.run(["pull", "-q", second])).out).toBe(`${second}\n`);
  expect((await program.run(["images", "-q", second])).out).toBe(id);
  await program.run(["rmi", second]);
});

test("what is not there is an error with status 1 and one line", async () => {
  const gone = await program.run(["pull", `${registry.host}/team/gone:1`]);
  expect(gone.status).toBe(1);
  expect(gone.err).toMatch(
    /^Error response from daemon: cannot pull image "[^"]+": registry "[^"]+" has no such (?:tag or digest: MANIFEST|repository: NAME)_UNKNOWN, [^\n]+\n$/,
  );
  expect((await program.run(["rmi", "gone"])).err).toMatch(
    /^Error response from daemon: cannot find image "gone": [^\n]+\n$/,
  );
});

test("system df counts everything, check finds nothing, prune leaves nothing", async () => {
  await program.run(["pull", "-q", name]);
  const usage = JSON.parse((await program.run(["system", "df", "--json"])).out);
  const sum = usage.categories.reduce((all: number, { size }: { size: number }) => all + size, 0);
  expect(sum).toBe(usage.total);
  expect(usage.categories.find((each: { name: string }) => each.name === "unknown").items).toEqual([]);
  expect(await program.run(["system", "check", "--deep"])).toEqual({
    status: 0,
    out: "The store is whole.\n",
    err: "",
  });
  const refused = await program.run(["system", "prune", "-a"]);
  expect(refused.err).toContain("use --force");
  const pruned = await program.run(["system", "prune", "-af"]);
  expect(pruned.out).toMatch(/^Total reclaimed space: [\d.]+MB$/m);
  expect((await program.run(["images", "-aq"])).out).toBe("");
});

test("logout forgets, and the registry then refuses", async () => {
  expect((await program.run(["logout", registry.host])).out).toBe(
    `Removing login credentials for ${registry.host}\n`,
  );
  expect((await program.run(["pull", name])).status).toBe(1);
});
