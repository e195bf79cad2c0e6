/**
 * A hostile image must not write control characters onto the terminal of who looks at it: with them it moves the cursor, hides a line, changes the title, or makes some
 * terminals type. The image here has them in every text that it may have; every verb that shows an image is called, in a pipe and on a terminal.
 *
 * Known to work: before src/base/printable.ts was used for tables and templates, history, inspect -f and ps wrote them as they were.
 */
// deadline: 60 s
import { afterAll, beforeAll, expect } from "bun:test";
import { join } from "node:path";
import { makeProgram, type Program } from "../cli/_program.ts";
import { onTerminal } from "../cli/on-terminal.ts";
import { blob, makeLayer } from "../images/image.ts";
import { blobsOf, layout } from "../archive/_engine.ts";
import { mediaTypes } from "../../src/spec/image/types.ts";
import { startMock } from "../registry/mock.ts";
import { needing } from "../needs.ts";

const { test } = needing({ root: true, files: ["build/launcher"] });

/** A new title, a cleared screen by the one-byte form (C1), a question that a terminal answers by typing, an erased line, text turned round. */
const evil = "\u001b]0;EVIL\u0007\u009b2J\u001b[c\b\r\u007f\u202eEVIL\u2028";
const name = "evil.example/box:1";

let program: Program;
let archive: Uint8Array;

beforeAll(async () => {
  program = makeProgram();
  const layer = makeLayer([{ name: "file", content: "x" }]);
  const config = blob(
    JSON.stringify({
      created: "2026-01-01T00:00:00Z",
      os: "linux",
      architecture: process.arch === "arm64" ? "arm64" : "amd64",
      author: evil,
      config: {
        Cmd: [`/${evil}`, evil],
        Env: [`A=${evil}`, `${evil}=B`],
        Labels: { [evil]: evil },
        User: "0",
        WorkingDir: `/${evil}`,
        ExposedPorts: { [evil]: {} },
        Volumes: { [`/${evil}`]: {} },
        StopSignal: evil,
      },
      rootfs: { type: "layers", diff_ids: [layer.diffId] },
      history: [{ created: "2026-01-01T00:00:00Z", created_by: evil, comment: `${evil}\n\t`, author: evil }],
    }),
    mediaTypes.ociConfig,
  );
  const document = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: config.descriptor,
    layers: [layer.descriptor],
    annotations: { [evil]: evil },
  };
  const manifest = blob(JSON.stringify(document), mediaTypes.ociManifest);
  const annotations = { "org.opencontainers.image.ref.name": name };
  archive = layout({ schemaVersion: 2, manifests: [{ ...manifest.descriptor, annotations }] }, [
    ...blobsOf({ manifest, config, layers: [layer] }),
  ]);
  expect(await program.run(["load"], archive)).toMatchObject({ status: 0, err: "" });
  await program.run(["run", "--name", "box", name]);
});
afterAll(() => program?.[Symbol.dispose]());

// oxlint-disable-next-line no-control-regex
const steering = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** Without what our own bars write: cursor, title and colour are not among it. */
function steeringIn(text: string, terminal: boolean): string[] {
  // oxlint-disable-next-line no-control-regex
  const own = terminal ? /\u001b\[(?:\?25[lh]|\?2026[lh]|K|J|\d+A)|\r/g : /(?!)/g;
  return text.replaceAll(own, "").match(steering) ?? [];
}

const named = (args: readonly string[]) => ({ args, what: args.join(" ").replaceAll(evil, "EVIL") });

const verbs = [
  ["images"],
  ["images", "--digests", "--no-trunc"],
  ["images", "--json"],
  ["history", "--no-trunc", name],
  ["history", "--json", name],
  ["history", "--format", "json", name],
  ["inspect", name],
  ["inspect", "-f", "json", name],
  ["inspect", "-f", "{{json .Config}}", name],
  ["ps", "-a", "--no-trunc"],
  ["ps", "-a", "--json"],
  ["run", "--rm", name],
  ["run", "--rm", "--entrypoint", evil, name],
  ["run", "--rm", "-u", evil, name],
  ["run", "--rm", "-v", `x:/${evil}:${evil}`, name],
  ["pull", `evil.example/${evil}`],
  ["rmi", evil],
  ["system", "df", "-v"],
  ["system", "check"],
  ["image", "diff", name, name],
  [evil],
] as const;

test.each(verbs.map(named))("nothing steers: $what", async ({ args }) => {
  const { out, err } = await program.run(args);
  expect(out + err).not.toBe("");
  expect(steeringIn(out + err, false)).toEqual([]);
});

const onlyOnTerminal = [
  ["history", "--format", "{{.CreatedBy}} {{.Comment}}", name],
  ["inspect", "-f", "{{.Author}} {{.Config.Labels}} {{.Config.Env}} {{range .Config.Cmd}}{{.}}{{end}}", name],
  ["inspect", "-f", '{{index .Config.Labels "none"}}{{println .Config.Volumes .Config.ExposedPorts}}', name],
  ["ps", "-a", "--no-trunc", "--format", "{{.Command}}"],
  ["run", "--rm", name],
  ["history", name],
] as const;

test.each(onlyOnTerminal.map(named))("nothing steers on a terminal: $what", async ({ args }) => {
  const screen = onTerminal(program, args);
  await screen.exited;
  expect(screen.text()).not.toBe("");
  expect(steeringIn(screen.text(), true)).toEqual([]);
});

test("in a pipe a template's text is what the image says, byte by byte", async () => {
  const { out } = await program.run(["inspect", "-f", "{{.Author}}", name]);
  expect(out).toBe(`${evil}\n`);
  const { out: json } = await program.run(["inspect", name]);
  expect(JSON.parse(json)[0].Author).toBe(evil);
});

test("what a registry says in its refusals steers nothing, nor do its tags", async () => {
  using registry = await startMock(({ path }) => {
    if (path.includes("/tags/list"))
      return { body: JSON.stringify({ name: evil, tags: [evil, `1${evil}`] }) };
    if (path.includes("/search"))
      return { body: JSON.stringify({ results: [{ name: evil, description: evil }] }) };
    if (path.endsWith("/type")) return { headers: { "Content-Type": "application/evil" }, body: evil };
    return {
      status: 403,
      headers: { "WWW-Authenticate": `Bearer realm="${evil.replaceAll(/[^ -~]/g, "?")}"` },
      body: JSON.stringify({ errors: [{ code: evil, message: evil }] }),
    };
  });
  for (const args of [
    ["pull", `${registry.host}/a:1`],
    ["pull", "-a", `${registry.host}/a`],
    ["pull", `${registry.host}/a:type`],
    ["search", `${registry.host}/a`],
    ["search", "--no-trunc", `${registry.host}/a`],
    ["push", `${registry.host}/a:1`],
  ]) {
    const { out, err } = await program.run(args);
    expect(steeringIn(out + err, false)).toEqual([]);
  }
});

test("names of files in errors and differences steer nothing", async () => {
  const layer = (content: string) => ({
    ...makeLayer([
      { name: `${evil}${content}`, content },
      { name: join("dir", evil), content },
    ]),
  });
  const one = layer("1");
  const config = blob(
    JSON.stringify({
      os: "linux",
      architecture: process.arch === "arm64" ? "arm64" : "amd64",
      rootfs: { type: "layers", diff_ids: [one.diffId] },
    }),
    mediaTypes.ociConfig,
  );
  const manifest = blob(
    JSON.stringify({ schemaVersion: 2, config: config.descriptor, layers: [one.descriptor] }),
    mediaTypes.ociManifest,
  );
  const annotations = { "org.opencontainers.image.ref.name": "evil.example/other:1" };
  const other = layout({ schemaVersion: 2, manifests: [{ ...manifest.descriptor, annotations }] }, [
    ...blobsOf({ manifest, config, layers: [one] }),
  ]);
  expect(await program.run(["load"], other)).toMatchObject({ status: 0 });
  const { out } = await program.run(["image", "diff", name, "evil.example/other:1"]);
  expect(out).toContain("EVIL");
  expect(steeringIn(out, false)).toEqual([]);
  const bad = layout({ schemaVersion: 2, manifests: [{ ...manifest.descriptor, mediaType: evil }] }, []);
  const { err, status } = await program.run(["load"], bad);
  expect(status).toBe(1);
  expect(steeringIn(err, false)).toEqual([]);
});
