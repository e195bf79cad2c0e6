import { expect, test } from "bun:test";
import { sharedFolder } from "./rootfs.ts";

test("the folder that all layers lie below", () => {
  expect(sharedFolder(["/a/b/1/fs", "/a/b/2/fs", "/a/b/13/fs"])).toBe("/a/b");
  expect(sharedFolder(["/a/b/1/fs"])).toBe("/a/b/1");
  expect(sharedFolder(["/a/1", "/b/1"])).toBe("");
  expect(sharedFolder(["/a/b", "/a/b/c"])).toBe("/a");
});
