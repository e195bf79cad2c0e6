import { expect, test } from "bun:test";
import { hostAbilities } from "./host-abilities.ts";

const host = (kernel: string, files: Readonly<Record<string, string>>) =>
  hostAbilities(kernel, (path) => files[path]);
const most = "/proc/sys/user/max_user_namespaces";
const status = "/proc/self/status";

test("a kernel gives what it has, where it is not switched off", () => {
  expect(host("6.1.0", { [most]: "1000" })).toMatchObject({ recursiveReadOnly: true, userNamespaces: true });
  expect(host("6.1.0", { [most]: "0" })).toMatchObject({ recursiveReadOnly: true, userNamespaces: false });
  expect(host("6.1.0", {})).toMatchObject({ userNamespaces: false });
  expect(host("5.15.0", { [most]: "1000" })).toMatchObject({
    recursiveReadOnly: true,
    userNamespaces: false,
  });
  expect(host("5.10.0", { [most]: "1000" })).toMatchObject({ recursiveReadOnly: false });
});

test("who may not lower a score gives no less than his own", () => {
  const score = "/proc/self/oom_score_adj";
  expect(host("6.1", { [status]: "CapEff:\t0000000001000000\n", [score]: "-500\n" }).leastOomScore).toBe(
    -1000,
  );
  expect(host("6.1", { [status]: "CapEff:\t0000000000000001\n", [score]: "-500\n" }).leastOomScore).toBe(
    -500,
  );
});
