import { describe, expect, test } from "bun:test";
import { describeErrno, systemError } from "./errno.ts";
import { capabilities, signalNumber } from "./linux.ts";

describe("signalNumber", () => {
  test.each([
    ["TERM", 15],
    ["SIGTERM", 15],
    ["sigkill", 9],
    ["9", 9],
    ["0", 0],
    ["HUP", 1],
    ["SYS", 31],
    ["UNUSED", 31],
    ["IOT", 6],
    ["POLL", 29],
    ["RTMIN", 34],
    ["SIGRTMIN+3", 37],
    ["RTMAX-1", 63],
    ["RTMAX", 64],
    ["64", 64],
  ])("%s is %i", (text, number) => {
    expect(signalNumber(text)).toBe(number);
  });

  test.each(["", "NOPE", "65", "-1", "SIG", "RTMIN+31", "RTMAX+1", "TERM ", "1.5"])("%j is none", (text) => {
    expect(signalNumber(text)).toBeUndefined();
  });
});

test("capabilities are numbered as the kernel numbers them (linux/capability.h)", () => {
  expect(capabilities.length).toBe(41);
  expect([0, 21, 24, 27, 39, 40].map((number) => capabilities[number])).toEqual([
    "CHOWN",
    "SYS_ADMIN",
    "SYS_RESOURCE",
    "MKNOD",
    "BPF",
    "CHECKPOINT_RESTORE",
  ]);
});

test("an errno has its name, words and code; an unknown one names itself", () => {
  expect(describeErrno(2)).toEqual({ name: "ENOENT", text: "no such file or directory" });
  expect(describeErrno(9999).text).toBe("errno 9999");
  expect(systemError("open x", 13)).toMatchObject({
    code: "permission_denied",
    message: "cannot open x: permission denied",
  });
});
