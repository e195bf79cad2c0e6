import { expect, test } from "bun:test";
import { checkLog } from "./log-options.ts";

test.each([
  [undefined, {}],
  [{ Type: "none", Config: { "max-size": "x" } }, undefined],
  [{ Type: "local" }, {}],
  [
    { Type: "json-file", Config: { "max-size": "10m", "max-file": "3" } },
    { maxSize: 10 << 20, maxFiles: 3 },
  ],
  [{ Config: { "max-size": "64K", tag: "{{.Name}}", compress: "true" } }, { maxSize: 64 << 10 }],
  [{ Config: { "max-size": "-1" } }, { maxSize: Number.MAX_SAFE_INTEGER }],
])("%j keeps %j", (asked, limits) => {
  expect(checkLog(asked)).toEqual(limits);
});

test.each([
  [{ Type: "syslog" }, 'cannot use log driver "syslog"'],
  [{ Config: { nosuch: "1" } }, 'cannot use log option "nosuch"'],
  [{ Config: { "max-size": "x" } }, 'cannot use log option "max-size=x"'],
  [{ Config: { "max-size": "0" } }, 'cannot use log option "max-size=0"'],
  [{ Config: { "max-file": "0" } }, 'cannot use log option "max-file=0"'],
])("%j is refused", (asked, why) => {
  expect(() => checkLog(asked)).toThrow(why);
});
