import { expect, test } from "bun:test";
import type { DaemonClient } from "../../src/cli/client/daemon.ts";
import { sampan } from "./_world.ts";

const daemon = {
  containers: async () => [
    { Names: ["/web"], Status: "Up 5 minutes" },
    { Names: ["/other"], Status: "Exited (0) 1 hour ago" },
  ],
  images: async () => [{ RepoTags: ["alpine:3.20"] }, { RepoTags: null }],
  networks: async () => [{ Name: "own", Driver: "bridge" }],
  volumes: async () => ({ Volumes: [{ Name: "data", Driver: "local" }] }),
} as unknown as Partial<DaemonClient>;

async function suggested(...words: string[]): Promise<string[]> {
  const { out } = await sampan(["__complete", ...words], { daemon });
  return out
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => line.split("\t")[0] ?? "");
}

test("commands, groups and their verbs are suggested", async () => {
  expect(await suggested("ru")).toEqual(["run"]);
  expect(await suggested("net")).toEqual(["network"]);
  expect(await suggested("network", "c")).toEqual(["create", "connect"]);
  expect(await suggested("-H", "unix:///x", "volume", "in")).toEqual(["inspect"]);
  expect(await suggested("zzz")).toEqual([]);
});

test("flags are suggested, but none that Sampan has not", async () => {
  expect(await suggested("run", "--memory-s")).toEqual(["--memory-swap", "--memory-swappiness"]);
  expect(await suggested("run", "--kernel")).toEqual([]);
  expect(await suggested("--tlsc")).toEqual(["--tlscacert", "--tlscert"]);
});

test("names of things are suggested where they are wanted", async () => {
  expect(await suggested("stop", "")).toEqual(["web", "other"]);
  expect(await suggested("exec", "-it", "w")).toEqual(["web"]);
  expect(await suggested("run", "al")).toEqual(["alpine:3.20"]);
  expect(await suggested("network", "rm", "")).toEqual(["own"]);
  expect(await suggested("volume", "rm", "d")).toEqual(["data"]);
  expect(await suggested("run", "--pull", "a")).toEqual(["always"]);
  expect(await suggested("run", "--name", "")).toEqual([]);
});

test("a daemon that does not answer suggests nothing, and says nothing", async () => {
  const silent = { containers: () => Promise.reject(new Error("no")) };
  expect(await sampan(["__complete", "stop", ""], { daemon: silent })).toMatchObject({
    status: 0,
    out: "",
    err: "",
  });
});

test.each(["bash", "zsh", "fish"])("the script for %s asks the program", async (shell) => {
  const { out, status } = await sampan(["completion", shell]);
  expect(status).toBe(0);
  expect(out).toContain("sampan __complete ");
});

test("another shell is refused by those that there are", async () => {
  expect(await sampan(["completion", "csh"])).toMatchObject({
    status: 1,
    err: "Error: there is no completion for this shell; wanted bash, zsh, fish\n",
  });
});

test("bash takes the script, and completes by it", async () => {
  const { out } = await sampan(["completion", "bash"]);
  const script = `${out}\nsampan() { printf 'web\\tUp\\nother\\tExited\\n'; }\nCOMP_WORDS=(sampan stop ''); COMP_CWORD=2; _sampan; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, exitCode } = Bun.spawnSync(["bash", "-c", script]);
  expect({ exitCode, out: stdout.toString() }).toEqual({ exitCode: 0, out: "web\nother\n" });
});
