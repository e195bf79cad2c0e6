import { expect, test } from "bun:test";
import { Glob } from "bun";
import { join } from "node:path";
import { generate } from "../../tools/gen-protobuf.ts";

const top = join(import.meta.dir, "../..");

test.each([...new Glob("src/**/*.proto").scanSync(top)].map((path) => [path]))(
  "the TypeScript beside %s is made of it",
  async (path) => {
    const beside = await Bun.file(join(top, path.replace(/\.proto$/, "_pb.ts"))).text();
    expect(beside).toBe(await generate(join(top, path)));
  },
);
