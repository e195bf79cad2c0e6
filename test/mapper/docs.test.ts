/** The mapper that docs/mappers.md shows works as it stands there. */
import { expect, test } from "bun:test";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { deviceOf, dmiWorld, modelOf, type DeviceSpec } from "./world.ts";
import { modbusDriver } from "../../src/mapper/modbus/driver.ts";

const top = join(import.meta.dir, "../..");
const text = await Bun.file(join(top, "docs/mappers.md")).text();
const block = (language: string) => new RegExp(`\`\`\`${language}\n([^]*?)\`\`\``).exec(text)?.[1] ?? "";

test("it has less than a hundred lines", () => {
  expect(block("ts").split("\n").length).toBeLessThan(100);
});

test("it reads and writes a device", async () => {
  await using dmi = await dmiWorld();
  const path = join(top, "build", `docs-mapper-${process.pid}.ts`);
  writeFileSync(path, block("ts").replace("../base/", "../src/base/").replaceAll('"./', '"../src/mapper/'));
  let level = "dim";
  await using server = {
    bun: Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: async (request) => {
        if (request.method === "PUT") level = ((await request.json()) as { level: string }).level;
        return Response.json({ level });
      },
    }),
    async [Symbol.asyncDispose]() {
      await this.bun.stop(true);
    },
  };
  const spec: DeviceSpec = {
    name: "lamp",
    protocol: "rest",
    configData: { url: server.bun.url.href },
    properties: [
      { name: "level", type: "STRING", desired: "bright", configData: { path: "/level", field: "level" } },
    ],
  };
  dmi.twins.change("insert", deviceOf(spec), modelOf(spec));
  const child = Bun.spawn([process.execPath, path, dmi.path, join(dmi.folder, "rest.sock")], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "ignore",
  });
  try {
    await dmi.twins.until((said) => said.properties?.find((each) => each.actual === "bright"));
    expect(level).toBe("bright");
  } finally {
    child.kill("SIGKILL");
    await child.exited;
    rmSync(path);
  }
});

test("the device that is shown is one that the Modbus mapper takes", () => {
  interface Spec {
    readonly protocol: { readonly configData: Record<string, string> };
    readonly properties: { name: string; type: string; visitors: { configData: Record<string, string> } }[];
  }
  const [model, device] = parseAllDocuments(block("yaml")).map(
    (each) => (each.toJS() as { spec: Spec }).spec,
  ) as [Spec, Spec];
  const { protocol, properties } = device;
  const types = new Map(model.properties.map(({ name, type }) => [name, type]));
  expect(modbusDriver.config(protocol.configData)).toMatchObject({ host: "127.0.0.1", port: 5020 });
  expect(
    properties.map(
      ({ name, visitors }) =>
        modbusDriver.visitor(visitors.configData, { name, type: types.get(name) ?? "", isWritable: true })
          .register,
    ),
  ).toEqual(["InputRegister", "HoldingRegister"]);
});
