import { expect, test } from "bun:test";
import { attributesInside } from "./inside.ts";

const back = (id: number) => (id >= 200_000 ? id - 200_000 : id);
const owners = { uid: back, gid: (id: number) => back(id) + 1 };

function inside(name: string, value: readonly number[]): number[] {
  const [found] = attributesInside([{ name, value: Uint8Array.from(value) }], owners);
  return [...(found?.value ?? [])];
}

const word = (number: number) => [0, 8, 16, 24].map((shift) => (number >>> shift) & 0xff);
const permitted = [1 << 13, 0, 0, 0].flatMap(word);

test("a capability for the root of the namespace becomes one for any root", () => {
  const own = [...word(0x03000001), ...permitted, ...word(200_000)];
  expect(inside("security.capability", own)).toEqual([...word(0x02000001), ...permitted]);
});

test("a capability of a deeper namespace keeps its root's id, as seen inside", () => {
  const deeper = [...word(0x03000000), ...permitted, ...word(200_500)];
  expect(inside("security.capability", deeper)).toEqual([...word(0x03000000), ...permitted, ...word(500)]);
});

test("an access list's named users and groups get the ids inside; what is nobody's stays", () => {
  const entry = (tag: number, id: number) => [tag, 0, 6, 0, ...word(id)];
  const acl = (user: number, group: number) =>
    [word(2), entry(1, 2 ** 32 - 1), entry(2, user), entry(8, group), entry(16, 2 ** 32 - 1)].flat();
  expect(inside("system.posix_acl_access", acl(200_007, 200_008))).toEqual(acl(7, 9));
});

test.each([
  ["security.capability", [...word(0x02000001), ...permitted]],
  ["security.capability", []],
  ["system.posix_acl_default", [2, 0]],
  ["user.text", [...word(0x03000001), ...permitted, ...word(200_000)]],
])("%s %j is left as it is", (name, value) => {
  expect(inside(name, value)).toEqual(value);
});
