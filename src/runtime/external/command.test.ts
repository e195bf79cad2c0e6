import { afterAll, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { command } from "./command.ts";

const folder = mkdtempSync(join(tmpdir(), "sampan-command-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function program(name: string, script: string) {
  const path = join(folder, name);
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
  return { name, path, args: ["--first"], root: folder };
}

test("its own arguments stand before all others", async () => {
  expect(await command(program("echo", 'echo "$@"'), ["state", "a"])).toBe(
    `--first --root ${folder} --log-format json state a\n`,
  );
});

test("what it said last is the error, by the code that its words stand for", async () => {
  const said = 'echo \'{"level":"error","msg":"container does not exist"}\' >&2; exit 1';
  const error: unknown = await command(program("absent", said), ["state", "a"]).catch(
    (each: unknown) => each,
  );
  expect(error).toMatchObject({
    code: "not_found",
    message: 'cannot state container by runtime "absent": container does not exist',
  });
});

test("who is left behind with its streams holds nobody", async () => {
  const left = "sleep 1000 & echo $!";
  const output = await command(program("leaves", left), ["state", "a"]);
  process.kill(Number(output), "SIGKILL");
});

test("an answer without end is cut, not kept", async () => {
  const output = await command(program("long", "head -c 9000000 /dev/zero"), ["state", "a"]);
  expect(output.length).toBeLessThan(6_000_000);
});
