/** Programs of others against our daemon: docker-compose of Debian, dockerode and testcontainers of npm. */
// deadline: 240 s
import { afterAll, beforeAll, expect } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { needing } from "../needs.ts";
import { runInNode } from "./_node.ts";
import { imageName, makeWorld, type World } from "./_world.ts";

const programs = ["busybox", "ip", "nft", "nsenter", "node"];
const { describe, test } = needing({ root: true, programs, files: ["build/launcher"] });
const compose = needing({ root: true, programs: [...programs, "docker-compose"], files: ["build/launcher"] });

describe("programs of others", () => {
  let world: World;
  beforeAll(async () => {
    world = await makeWorld();
  });
  afterAll(() => world[Symbol.asyncDispose]());

  test("dockerode: run, attach, exec, archives, volumes, networks, refusals", async () => {
    const { status, out, err } = await runInNode(world, "_dockerode.ts");
    expect({ status, err, lines: out.trim().split("\n") }).toEqual({
      status: 0,
      err: "",
      lines: [
        "version 1.51",
        `images ${imageName}`,
        String.raw`run 4 "out\n" "err\n"`,
        "wait 0",
        "attach through a hijacked stream",
        "inspect here",
        "logs through a hijacked stream",
        "exec got it 0",
        "stats true",
        "volume rode",
        "network rode",
        "refusal 404 no such container",
      ],
    });
  });

  test("testcontainers: networks, copied files, mapped ports, wait strategies, exec", async () => {
    const env = { TESTCONTAINERS_RYUK_DISABLED: "true", TESTCONTAINERS_HOST_OVERRIDE: "127.0.0.1" };
    const { status, out, err } = await runInNode(world, "_testcontainers.ts", { env });
    expect({ status, err, lines: out.trim().split("\n") }).toEqual({
      status: 0,
      err: "",
      lines: ["port served", "exec inside 2", "names served", "env value", "restarted again", "done"],
    });
  });

  compose.test(
    "docker-compose: three services, a network, a volume, and one that waits until another is healthy",
    async () => {
      const folder = join(world.place.folder, "stack");
      mkdirSync(folder);
      writeFileSync(join(folder, "docker-compose.yml"), stack);
      const up = (...args: string[]) => world.out(["docker-compose", "--no-ansi", ...args], { cwd: folder });
      await up("up", "-d");
      const page = (port: number) => world.out(["busybox", "wget", "-qO-", `http://127.0.0.1:${port}/value`]);
      expect(await page(8090)).toBe("stored");
      expect((await up("ps", "-q")).split("\n").length).toBe(3);
      expect(await up("exec", "-T", "web", "wget", "-qO-", "http://api/value")).toBe("stored");
      expect(await up("logs", "--no-color", "api")).toContain("found it healthy");
      await up("restart", "-t", "1", "api");
      expect(await page(8090)).toBe("stored");
      await up("up", "-d", "--scale", "web=1", "--force-recreate", "-t", "1", "web");
      expect(await page(8090)).toBe("stored");
      await up("down", "-v", "-t", "1");
      expect(await world.out(["docker", "ps", "-aq"])).toBe("");
      expect(await world.out(["docker", "volume", "ls", "-q"])).toBe("");
    },
  );
});

const stack = `
version: "2.4"
services:
  store:
    image: ${imageName}
    command: ["sh", "-c", "echo stored > /d/value; sleep 0.3; httpd -f -p 80 -h /d"]
    healthcheck: { test: ["CMD", "wget", "-qO-", "http://127.0.0.1/value"], interval: 100ms, timeout: 2s, retries: 50 }
    volumes: ["data:/d"]
    networks: [back]
  api:
    image: ${imageName}
    command: ["sh", "-c", "mkdir /site; wget -qO /site/value http://store/value && echo found it healthy; exec httpd -f -p 80 -h /site"]
    depends_on: { store: { condition: service_healthy } }
    networks: [back, front]
  web:
    image: ${imageName}
    command: ["sh", "-c", "mkdir /site; until wget -qO /site/value http://api/value; do sleep 0.1; done; exec httpd -f -p 80 -h /site"]
    depends_on: [api]
    ports: ["127.0.0.1:8090:80"]
    networks: [front]
networks: { back: { internal: true }, front: {} }
volumes: { data: {} }
`;
