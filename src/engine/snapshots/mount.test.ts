import { expect, test } from "bun:test";
import { withContext } from "./mount.ts";

const overlay = { type: "overlay", source: "overlay", target: "", options: ["lowerdir=/a:/b"] };
const bind = { type: "bind", source: "/a", target: "", options: ["ro"] };

test("a label is a mount option in one piece; what is bound keeps the labels of its files", () => {
  const label = "system_u:object_r:container_file_t:s0:c1,c2";
  expect(withContext([overlay, bind], label)).toEqual([
    { ...overlay, options: ["lowerdir=/a:/b", `context="${label}"`] },
    bind,
  ]);
  expect(withContext([overlay], undefined)).toEqual([overlay]);
});
