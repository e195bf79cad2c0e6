import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { EngineClient } from "../../src/cli/client/client.ts";
import { fetchArchive } from "../../src/cli/image/_fetch-archive.ts";
import { sampan } from "./_world.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "sampan-cli-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const save: EngineClient["save"] = async (_, { write }) => {
  await write(Buffer.from("first "));
  await write(Buffer.from("second"));
};
const interrupted: EngineClient["save"] = async (_, { write }) => {
  await write(Buffer.from("half"));
  throw new Error("the disk went away");
};

async function textOf(bytes: AsyncIterable<Uint8Array>): Promise<string> {
  const parts = [];
  for await (const part of bytes) parts.push(part);
  return Buffer.concat(parts).toString();
}

test("save writes to standard output, but never to a terminal", async () => {
  expect(await sampan(["save", "a"], { engine: { save } })).toMatchObject({
    status: 0,
    out: "first second",
    err: "",
  });
  const terminal = await sampan(["save", "a"], { engine: { save }, outTerminal: { columns: 80, rows: 24 } });
  expect(terminal).toMatchObject({ status: 1, out: "" });
  expect(terminal.err).toContain("cannot write an archive to a terminal: use -o FILE");
});

test("save -o puts the whole file in place, for its owner alone", async () => {
  const path = join(folder, "whole.tar");
  expect((await sampan(["save", "-o", path, "a"], { engine: { save } })).status).toBe(0);
  expect(readFileSync(path, "utf8")).toBe("first second");
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test("save -o that fails leaves the file that was there, and nothing else", async () => {
  const path = join(folder, "old.tar");
  writeFileSync(path, "old");
  const ran = await sampan(["save", "-o", path, "a"], { engine: { save: interrupted } });
  expect(ran).toMatchObject({ status: 1, err: "Error: the disk went away\n" });
  expect(readFileSync(path, "utf8")).toBe("old");
  expect(readdirSync(folder).filter((name) => name.includes("partial"))).toEqual([]);
});

test("save -o to a device writes to it, and refuses a folder", async () => {
  expect((await sampan(["save", "-o", "/dev/null", "a"], { engine: { save } })).status).toBe(0);
  expect(statSync("/dev/null").isCharacterDevice()).toBe(true);
  expect((await sampan(["save", "-o", folder, "a"], { engine: { save } })).err).toContain("it is a folder");
  const nowhere = join(folder, "no/such/place.tar");
  expect((await sampan(["save", "-o", nowhere, "a"], { engine: { save } })).err).toContain(
    `cannot write "${nowhere}"`,
  );
  expect(existsSync(nowhere)).toBe(false);
});

test("load reads a file or standard input, and says what it loaded", async () => {
  const path = join(folder, "in.tar");
  writeFileSync(path, "archive");
  const engine: Partial<EngineClient> = {
    load: async (bytes) => [await textOf(bytes), `sha256:${"a".repeat(64)}`],
  };
  const file = await sampan(["load", "-i", path], { engine });
  expect(file.out).toBe(`Loaded image: archive\nLoaded image ID: sha256:${"a".repeat(64)}\n`);
  expect((await sampan(["load"], { engine, input: "stdin" })).out).toContain("Loaded image: stdin");
  expect((await sampan(["load"], { engine, answers: [] })).err).toContain(
    "cannot read an archive from a terminal",
  );
  expect((await sampan(["load", "-i", join(folder, "gone")], { engine })).err).toBe(
    `Error: cannot read "${join(folder, "gone")}": there is no such file\n`,
  );
});

test("import hands over bytes, name, changes and message, and prints the id", async () => {
  let asked: unknown;
  const engine: Partial<EngineClient> = {
    importArchive: async (bytes, { reference, changes, message }) => {
      asked = { bytes: await textOf(bytes), reference, changes, message };
      return "sha256:new";
    },
  };
  const args = ["import", "-c", "CMD ls", "--change", "ENV A=b", "-m", "mine", "-", "repo:1"];
  const { out } = await sampan(args, { engine, input: "tar" });
  expect(out).toBe("sha256:new\n");
  expect(asked).toEqual({
    bytes: "tar",
    reference: "repo:1",
    changes: ["CMD ls", "ENV A=b"],
    message: "mine",
  });
});

test("import fetches http addresses, says why it cannot, and refuses other schemes", async () => {
  using server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: ({ url }) =>
      url.endsWith("/there") ? new Response("tar") : new Response("gone", { status: 404 }),
  });
  const engine: Partial<EngineClient> = { importArchive: textOf };
  const importing = (source: string) => sampan(["import", source], { engine });
  expect(await importing(`${server.url.href}there`)).toMatchObject({ status: 0, out: "tar\n" });
  const gone = `${server.url.href}gone`;
  expect((await importing(gone)).err).toBe(
    `Error: cannot fetch "${gone}": the server answered with status 404\n`,
  );
  expect((await importing("http://127.0.0.1:1/x")).err).toStartWith(
    'Error: cannot fetch "http://127.0.0.1:1/x": ',
  );
  expect(await importing("file:///etc/passwd")).toMatchObject({
    status: 1,
    err: `Error: cannot import "file:///etc/passwd": wanted the path of a file, an http or https address, or "-" for standard input\n`,
  });
});

test("an import from a server that falls silent ends", async () => {
  using server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 0,
    fetch: ({ url }) => {
      if (url.endsWith("/mute")) return new Promise<Response>(() => {});
      return new Response(
        new ReadableStream({
          type: "direct",
          pull: async (controller: { write(text: string): void; flush(): Promise<void> }) => {
            controller.write("first");
            await controller.flush();
            await new Promise(() => {});
          },
        } as never),
      );
    },
  });
  for (const name of ["mute", "half"]) {
    const source = `${server.url.href}${name}`;
    const bytes = fetchArchive(source, { signal: new AbortController().signal, patience: 200 });
    const error: unknown = await textOf(bytes).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: "deadline_exceeded",
      message: `cannot fetch "${source}": no byte for 0.2 s`,
    });
  }
});

test("export writes a container's files", async () => {
  const engine: Partial<EngineClient> = {
    exportContainer: async (container, { write }) => write(Buffer.from(container)),
  };
  expect((await sampan(["export", "web"], { engine })).out).toBe("web");
});

test("commit prints the id, with author, message and changes handed over", async () => {
  let asked: unknown;
  const engine: Partial<EngineClient> = {
    commit: async (container, { reference, author, message, changes }) => {
      asked = { container, reference, author, message, changes };
      return "sha256:new";
    },
  };
  const { out } = await sampan(["commit", "-a", "me", "-m", "why", "-c", "USER 1", "web", "mine:2"], {
    engine,
  });
  expect(out).toBe("sha256:new\n");
  expect(asked).toEqual({
    container: "web",
    reference: "mine:2",
    author: "me",
    message: "why",
    changes: ["USER 1"],
  });
});
