import { expect, test } from "bun:test";
import { sysctlPath } from "./sysctl.ts";

test.each([
  ["net.ipv4.ip_forward", "net/ipv4/ip_forward"],
  ["net/ipv4/ip_forward", "net/ipv4/ip_forward"],
  ["net.ipv4.conf.eth0/1.rp_filter", "net/ipv4/conf/eth0.1/rp_filter"],
  ["net/ipv4/conf/eth0.1/rp_filter", "net/ipv4/conf/eth0.1/rp_filter"],
  ["kernel", "kernel"],
])("the name %s is the path %s", (name, path) => {
  expect(sysctlPath(name)).toBe(path);
});

const refused = ["", ".", "/", "a.", "a/", ".a", "a..b", "a//b", "/etc/passwd", "../x", "a/../b", "a/./b"];

test.each([...refused, "a.//.b"])("the name %p is refused", (name) => {
  expect(sysctlPath(name)).toBeUndefined();
});
