import { expect, test } from "bun:test";
import { listTable } from "./list.ts";

const container = {
  ociVersion: "1.3.0",
  id: "web",
  pid: 42,
  status: "running",
  bundle: "/bundles/web",
  rootfs: "/bundles/web/rootfs",
  created: "2026-11-21T10:00:00.5Z",
  owner: "root",
} as const;

test("columns are as wide as runc's", () => {
  expect(listTable([])).toBe("ID          PID         STATUS      BUNDLE      CREATED     OWNER\n");
  expect(listTable([container])).toBe(
    "ID          PID         STATUS      BUNDLE         CREATED                  OWNER\n" +
      "web         42          running     /bundles/web   2026-11-21T10:00:00.5Z   root\n",
  );
});
