import { expect, test } from "bun:test";
import { SampanError } from "../../base/errors.ts";
import { KeyWatch, parseKeys } from "./detach-keys.ts";
import { startStatus } from "./status.ts";

test("detach keys are letters and control letters", () => {
  expect(parseKeys("ctrl-p,ctrl-q")).toEqual([16, 17]);
  expect(parseKeys("a,ctrl-@,ctrl-[,ctrl-_")).toEqual([97, 0, 27, 31]);
  expect(() => parseKeys("ctrl-pp")).toThrow("wanted letters or ctrl-LETTER");
  expect(() => parseKeys("")).toThrow("cannot use detach keys");
});

test("what only begins like the keys is sent all the same", () => {
  const watch = new KeyWatch([16, 17]);
  const feed = (...bytes: number[]) => {
    const { send, detached } = watch.feed(Uint8Array.from(bytes));
    return [[...send], detached];
  };
  expect(feed(65, 16)).toEqual([[65], false]);
  expect(feed(66)).toEqual([[16, 66], false]);
  expect(feed(16, 16, 65)).toEqual([[16, 16, 65], false]);
  expect(feed(67, 16)).toEqual([[67], false]);
  expect(feed(17, 68)).toEqual([[], true]);
});

test("one key is enough where one was asked for", () => {
  const { send, detached } = new KeyWatch([1]).feed(Uint8Array.from([65, 1, 66]));
  expect({ send: [...send], detached }).toEqual({ send: [65], detached: true });
});

test("the status of a start that failed is docker's", () => {
  const status = (message: string) => startStatus(new SampanError("unknown", message));
  expect(status('exec: "nosuch": executable file not found in $PATH: unknown')).toBe(127);
  expect(status("stat /nosuch: no such file or directory")).toBe(127);
  expect(status("exec /etc/passwd: permission denied")).toBe(126);
  expect(status("Conflict. The container name is in use")).toBe(125);
  expect(status("cannot connect to the daemon at unix:///x: permission denied")).toBe(125);
});
