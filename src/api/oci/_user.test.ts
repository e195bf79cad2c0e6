import { describe, expect, test } from "bun:test";
import { parseUser } from "./_user.ts";

describe("parseUser", () => {
  test.each([
    ["0", { uid: 0 }],
    ["1000", { uid: 1000 }],
    ["1:2", { uid: 1, gid: 2 }],
    ["4294967294:4294967294", { uid: 4294967294, gid: 4294967294 }],
    ["007", { uid: 7 }],
  ])("%s", (text, wanted) => {
    expect(parseUser(text)).toEqual(wanted);
  });

  // CVE-2026-30892 and its kin: what is no number must never become root or somebody else.
  test.each([
    "",
    ":",
    "1:",
    ":1",
    "+1",
    "-1",
    "1x",
    "x",
    " 1",
    "1 ",
    "1\n",
    "0x0",
    "1e3",
    "1.0",
    "１",
    "4294967295",
    "4294967296",
    "2147483648:99999999999",
    "1:2:3",
    "root",
    "1:-1",
  ])("refuses %j", (text) => {
    expect(() => parseUser(text)).toThrow("cannot use --user");
  });

  test("any text either fails or gives exactly the number that it spells", () => {
    let seed = 1;
    const next = (): number => (seed = (Math.imul(seed, 1103515245) + 12345) >>> 0);
    const alphabet = "0123456789:+-xe. \n\0";
    for (let round = 0; round < 20_000; round++) {
      const text = Array.from({ length: next() % 12 }, () => alphabet[next() % alphabet.length]).join("");
      let user;
      try {
        user = parseUser(text);
      } catch {
        continue;
      }
      expect(text).toMatch(/^\d+(:\d+)?$/);
      expect([user.uid, user.gid ?? user.uid]).toEqual([
        Number(text.split(":")[0]),
        Number(text.split(":")[1] ?? text),
      ]);
    }
  });
});
