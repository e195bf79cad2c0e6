import { expect, test } from "bun:test";
import { checkNames, hostsText, parseExtraHost, resolvText } from "./etc-files.ts";

test.each([
  ["db:10.0.0.1", { name: "db", address: "10.0.0.1" }],
  ["db=fd00::1", { name: "db", address: "fd00::1" }],
  ["db:[fd00::1]", { name: "db", address: "fd00::1" }],
  ["me:host-gateway", { name: "me", address: undefined }],
])("%s", (text, line) => {
  expect(parseExtraHost(text)).toEqual(line);
});

test.each([
  "db",
  "db:",
  ":1.1.1.1",
  "db:here",
  "a b:1.1.1.1",
  "db:1.1.1.1\n6.6.6.6 evil",
  "d\nb:1.1.1.1",
  "db:1.1.1.1 x",
])("extra host %j is refused", (text) => {
  expect(() => checkNames({ ExtraHosts: [text] })).toThrow("cannot add host");
});

test.each(["a b", "a\nnameserver 6.6.6.6", "", "x".repeat(300), "a;b"])(
  "search domain %j is refused",
  (text) => {
    expect(() => checkNames({ DnsSearch: [text] })).toThrow("cannot use search domain");
  },
);

test.each(["ndots:1\nnameserver 6.6.6.6", "a b", "", "ndots:x"])("resolver option %j is refused", (text) => {
  expect(() => checkNames({ DnsOptions: [text] })).toThrow("cannot use resolver option");
});

const names = { hostname: "boat", domainname: "", addresses: [], extra: [], gateway: undefined, ipv6: false };

test("hosts has the loopback, what was asked for, and its own addresses", () => {
  const extra = ["db:10.0.0.9", "me:host-gateway"];
  const all = { ...names, addresses: ["172.17.0.2"], extra, gateway: "172.17.0.1", domainname: "sea" };
  expect(hostsText(all)).toBe(
    "127.0.0.1\tlocalhost\n10.0.0.9\tdb\n172.17.0.1\tme\n172.17.0.2\tboat.sea boat\n",
  );
  expect(() => hostsText({ ...names, extra })).toThrow("host-gateway has no meaning");
});

test.each([
  ["boat", "", "boat"],
  ["boat.sea.org", "", "boat.sea.org boat"],
  ["boat", "sea.org", "boat.sea.org boat"],
  [".odd", "", ".odd"],
])("host name %j with domain %j is found as %j", (hostname, domainname, found) => {
  expect(hostsText({ ...names, addresses: ["10.0.0.1"], hostname, domainname })).toEndWith(
    `\n10.0.0.1\t${found}\n`,
  );
});

const none = { dns: [], search: [], options: [] };
const host = "# comment\nnameserver 127.0.0.53\nnameserver 10.0.0.2\nsearch lan\noptions edns0\n";
const input = { host, nameservers: [], asked: {}, defaults: none, sharesHost: false };

test("the host's servers, but for those on its loopback", () => {
  expect(resolvText(input)).toBe("nameserver 10.0.0.2\nsearch lan\noptions edns0\n");
  expect(resolvText({ ...input, sharesHost: true })).toStartWith(
    "nameserver 127.0.0.53\nnameserver 10.0.0.2\n",
  );
  // No server of a stranger is put in their place.
  expect(resolvText({ ...input, host: "nameserver ::1\n" })).toBe("");
});

test("our own resolver is the only one, and asks names with a dot as they are", () => {
  const text = resolvText({ ...input, nameservers: ["127.0.0.11"], asked: { Dns: ["9.9.9.9"] } });
  expect(text).toBe("nameserver 127.0.0.11\nsearch lan\noptions edns0 ndots:0\n");
});

test("what was asked for goes over the settings, and these over the host's", () => {
  const defaults = { dns: ["8.8.4.4"], search: ["corp"], options: ["rotate"] };
  expect(resolvText({ ...input, defaults })).toBe("nameserver 8.8.4.4\nsearch corp\noptions rotate\n");
  const asked = { Dns: ["9.9.9.9"], DnsSearch: ["."], DnsOptions: ["ndots:2"] };
  expect(resolvText({ ...input, defaults, asked })).toBe("nameserver 9.9.9.9\noptions ndots:2\n");
});
