import { expect, test } from "bun:test";
import { installCrdsWord } from "../../../src/bin/cloud/install-crds.ts";
import { openCluster } from "../apiserver/_server.ts";

const run = async (args: readonly string[], env: Record<string, string> = {}) => {
  const printed = await installCrdsWord(args, env);
  return typeof printed === "string" ? printed : await printed();
};

test("install-crds tells for each kind what was done, by --kubeconfig or KUBECONFIG", async () => {
  await using cluster = await openCluster({ controllers: false });
  const first = await run(["--kubeconfig", cluster.kubeconfig]);
  expect(first).toContain("devices.devices.kubeedge.io created\n");
  expect(first.trim().split("\n").length).toBe(13);
  const second = await run([], { KUBECONFIG: cluster.kubeconfig });
  expect(second).toBe(first.replaceAll(" created\n", " unchanged\n"));
});

test.each<[string, string[], string]>([
  ["without a kubeconfig", [], "wanted --kubeconfig"],
  ["with a word", ["all", "--kubeconfig", "f"], "it is not a flag"],
  ["with a context that is not there", ["--kubeconfig", "/nowhere", "--context", "c"], "cannot read"],
])("install-crds %s is refused", async (_what, args, words) => {
  const error: unknown = await run(args).catch((reason: unknown) => reason);
  expect(String(error)).toContain(words);
});

test("install-crds --help says what it does", async () => {
  expect(await run(["--help"])).toContain("Usage:  sampan cloud install-crds");
});
