import { expect, test } from "bun:test";
import { resolveUser } from "./user.ts";

const passwd = "root:x:0:0::/root:/bin/sh\nuser:x:1000:1001::/home/user:/bin/sh\n1234:x:5:5::/five:/bin/sh\n";
const group = "root:x:0:\nusers:x:1001:\nextra:x:1002:other,user\nmore:x:1003:user\n";

test.each([
  ["", { uid: 0, gid: 0, additionalGids: [0], home: "/root" }],
  ["user", { uid: 1000, gid: 1001, additionalGids: [1001, 1002, 1003], home: "/home/user" }],
  ["1000", { uid: 1000, gid: 1001, additionalGids: [1001, 1002, 1003], home: "/home/user" }],
  ["user:extra", { uid: 1000, gid: 1002, additionalGids: [1002], home: "/home/user" }],
  ["7:8", { uid: 7, gid: 8, additionalGids: [8], home: "/" }],
  ["7", { uid: 7, gid: 0, additionalGids: [0], home: "/" }],
  ["1234", { uid: 1234, gid: 0, additionalGids: [0], home: "/" }],
  ["2147483647", { uid: 2147483647, gid: 0, additionalGids: [0], home: "/" }],
])("user %p is %j", (text, user) => {
  expect(resolveUser(text, passwd, group)).toEqual(user);
});

test.each([
  "nobody",
  "user:nothing",
  "user:",
  "a:b:c",
  "2147483648",
  "4294967296",
  "18446744073709551616",
  "7:2147483648",
  "-1",
  "+0",
  "0x0",
  "1e3",
  "０",
  "١",
  " 0",
  "0 ",
  "root\n",
  "user\0",
])("user %j is refused", (text) => {
  expect(() => resolveUser(text, passwd, group)).toThrow("cannot use user");
});

test.each([
  ["user:x:4294967296:0::/:", "over 32 bits"],
  ["user:x:-1:0::/:", "negative"],
  ["user:x:0x0:0::/:", "in another base"],
  ["user:x:０:0::/:", "in another script"],
  ["user:x::0::/:", "missing"],
])("a line of /etc/passwd whose id is %s is none", (line) => {
  expect(() => resolveUser("user", line, "")).toThrow('has no user "user"');
});

test.each(["/x\rroot", "relative", "", `/${"h".repeat(5000)}`, "/x\u0001"])("home %j becomes /", (home) => {
  expect(resolveUser("user", `user:x:1:1::${home}:/bin/sh\n`, "").home).toBe("/");
});

test("groups are added by name or number, each once, after the user's own", () => {
  const group = "users:x:1001:\naudio:x:29:me\nextra:x:5:";
  const passwd = "me:x:7:1001::/:";
  const ids = (...add: string[]) => resolveUser("me", passwd, group, { add }).additionalGids;
  expect(ids()).toEqual([1001, 29]);
  expect(ids("extra", "29", "4242", "extra")).toEqual([1001, 29, 5, 4242]);
  for (const name of ["nothere", "4294967296", "-1", "", "a b", "1x"])
    expect(() => ids(name)).toThrow(`cannot add group "${name}"`);
});

test("a group alone is root's", () => {
  expect(resolveUser(":users", "root:x:0:3::/root:/bin/sh", "users:x:1001:")).toMatchObject({
    uid: 0,
    gid: 1001,
    home: "/root",
  });
});
