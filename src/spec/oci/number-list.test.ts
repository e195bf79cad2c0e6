import { expect, test } from "bun:test";
import { parseNumberList } from "./number-list.ts";

test.each([
  ["", []],
  ["0", [0]],
  ["0-3,7", [0, 1, 2, 3, 7]],
  ["7,0-2,1", [0, 1, 2, 7]],
  [" 1 , 2-3 ,,", [1, 2, 3]],
  ["1023", [1023]],
])("the list %p is %p", (list, numbers) => {
  expect(parseNumberList(list)).toEqual(numbers);
});

test.each(["x", "-1", "1-", "3-1", "1-2-3", "1;2", "1024", "0-1024", "99999999999", "0x1", "1.5", "1 - 2"])(
  "%p is no list",
  (list) => {
    expect(parseNumberList(list)).toBeUndefined();
  },
);
