import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { dockerConfigFolder, openDockerConfig } from "./docker-config.ts";

let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "sampan-docker-config-"))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(config: unknown): void {
  writeFileSync(join(folder, "config.json"), typeof config === "string" ? config : JSON.stringify(config));
}

function kept(): Record<string, Record<string, unknown>> {
  return JSON.parse(readFileSync(join(folder, "config.json"), "utf8")) as never;
}

const pair = { username: "u", secret: "p:q", kind: "password" } as const;

describe("finding", () => {
  test.each([
    ["r.example:5000", { "r.example:5000": { auth: btoa("u:p:q") } }],
    ["r.example", { "https://r.example/v1/": { auth: btoa("u:p:q") } }],
    ["r.example", { "http://r.example": { username: "u", password: "p:q" } }],
    ["docker.io", { "https://index.docker.io/v1/": { auth: btoa("u:p:q") } }],
    ["docker.io", { "docker.io": { auth: btoa("u:p:q") } }],
    ["r.example", { "r.example": { auth: btoa("u:p:q\0\0") } }],
  ])("%s is found in %j", async (registry, auths) => {
    write({ auths });
    expect(await openDockerConfig(folder).find(registry)).toEqual(pair);
  });

  test.each([
    ["r.example", { "r.example:5000": { auth: btoa("u:p") } }],
    ["r.example", { "evil-r.example": { auth: btoa("u:p") } }],
    ["r.example", { "https://r.example.evil/": { auth: btoa("u:p") } }],
    ["r.example", { "r.example": {} }],
    ["r.example", { "r.example": null }],
    ["r.example", []],
    ["constructor", {}],
  ])("%s is not found in %j", async (registry, auths) => {
    write({ auths });
    expect(await openDockerConfig(folder).find(registry)).toBeUndefined();
  });

  test("an identity token goes before the password", async () => {
    write({ auths: { "r.example": { auth: btoa("u:p"), identitytoken: "t" } } });
    expect(await openDockerConfig(folder).find("r.example")).toEqual({
      username: "u",
      secret: "t",
      kind: "identity",
    });
  });

  test("no file is no credentials; a broken one is an error that does not quote it", async () => {
    const config = openDockerConfig(folder);
    expect(await config.find("r.example")).toBeUndefined();
    write('{"auths":{"r.example":{"auth":"c2VjcmV0"}');
    const failed = config.find("r.example");
    expect(failed).rejects.toHaveProperty("code", "failed_precondition");
    expect(failed).rejects.not.toThrow("c2VjcmV0");
  });
});

describe("keeping", () => {
  test("a login is kept for its owner only, beside what else is there", async () => {
    write({ auths: { other: { auth: "x" } }, psFormat: "y" });
    const config = openDockerConfig(folder);
    await config.store("r.example", pair);
    expect(await config.find("r.example")).toEqual(pair);
    expect(kept()["psFormat"]).toBe("y" as never);
    expect(kept()["auths"]?.["other"]).toEqual({ auth: "x" });
    expect(statSync(join(folder, "config.json")).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(["config.json"]);
  });

  test("the first login makes the folder; a second replaces it under whatever address it stood", async () => {
    const deep = join(folder, "a", "b");
    await openDockerConfig(deep).store("docker.io", pair);
    expect(existsSync(join(deep, "config.json"))).toBe(true);
    write({ auths: { "https://r.example/v1/": { auth: btoa("old:old") } } });
    await openDockerConfig(folder).store("r.example", { username: "u", secret: "t", kind: "identity" });
    expect(kept()["auths"]).toEqual({ "r.example": { auth: btoa("u:"), identitytoken: "t" } });
  });

  test("a logout forgets, and says whether there was something", async () => {
    const config = openDockerConfig(folder);
    expect(await config.erase("docker.io")).toBe(false);
    await config.store("docker.io", pair);
    expect(await config.erase("docker.io")).toBe(true);
    expect(await config.find("docker.io")).toBeUndefined();
  });
});

test("DOCKER_CONFIG names the folder, else it is in the home folder", () => {
  expect(dockerConfigFolder({ DOCKER_CONFIG: "/x", HOME: "/h" })).toBe("/x");
  expect(dockerConfigFolder({ HOME: "/h" })).toBe("/h/.docker");
});
