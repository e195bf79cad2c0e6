import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RegistrySettings } from "../settings.ts";
import { addressOf, isLoopback, mayBePlain, mirrorsOf, searchAddress, tlsOf } from "./_address.ts";

const unset: RegistrySettings = {
  mirrors: [],
  http: false,
  ca: undefined,
  clientCertificate: undefined,
  clientKey: undefined,
  skipVerify: false,
};

test.each([
  ["docker.io", "https", "registry-1.docker.io"],
  ["quay.io", "https", "quay.io"],
  ["localhost:5000", "either", "localhost:5000"],
  ["127.0.0.1:5000", "either", "127.0.0.1:5000"],
  ["[::1]:5000", "either", "[::1]:5000"],
  ["plain.example", "http", "plain.example"],
])("%s is asked by %s at %s", (name, scheme, host) => {
  expect(addressOf(name, { "plain.example": { ...unset, http: true } })).toMatchObject({
    name,
    scheme,
    host,
  });
});

test.each([
  "localhost.example",
  "127.0.0.1.example",
  "127.example",
  "notlocalhost",
  "10.0.0.1",
  "[::2]",
  "128.0.0.1",
])("%s is not this machine", (host) => {
  expect(isLoopback(host)).toBe(false);
});

test("mirrors have the scheme and path of their address and the settings of their host", () => {
  const settings = {
    "docker.io": { ...unset, mirrors: ["https://m.example/cache/", "http://n.example:5000"] },
    "m.example": { ...unset, skipVerify: true },
  };
  expect(mirrorsOf("docker.io", settings)).toMatchObject([
    { name: "m.example", scheme: "https", path: "/cache", tls: { rejectUnauthorized: false } },
    { name: "n.example:5000", scheme: "http", path: "", tls: { rejectUnauthorized: true } },
  ]);
  expect(mirrorsOf("quay.io", settings)).toEqual([]);
  for (const mirror of ["m.example", "ftp://m.example", "https://user@m.example"])
    expect(() => mirrorsOf("docker.io", { "docker.io": { ...unset, mirrors: [mirror] } })).toThrow(
      "cannot use mirror",
    );
});

test("the hub is searched at its index", () => {
  expect(searchAddress(addressOf("docker.io", {})).host).toBe("index.docker.io");
  expect(searchAddress(addressOf("quay.io", {})).host).toBe("quay.io");
});

test("certificates come from the settings and from the host's folder", () => {
  const folder = mkdtempSync(join(tmpdir(), "sampan-certs-"));
  try {
    const own = join(folder, "r.example:5000");
    mkdirSync(own);
    for (const name of ["a.crt", "b.crt", "client.cert", "client.key", "lonely.cert", "other"])
      writeFileSync(join(own, name), name);
    writeFileSync(join(folder, "ca"), "-----BEGIN CERTIFICATE-----\nfrom settings");
    const tls = tlsOf("r.example:5000", { ...unset, ca: join(folder, "ca") }, folder);
    expect(tls.ca.slice(-3)).toEqual(["-----BEGIN CERTIFICATE-----\nfrom settings", "a.crt", "b.crt"]);
    expect(tls).toMatchObject({ cert: "client.cert", key: "client.key", rejectUnauthorized: true });
    const usual = tlsOf("q.example", unset, folder);
    expect(usual.ca).toEqual(tls.ca.slice(0, -3));
    expect(usual.ca.join("")).toContain("BEGIN CERTIFICATE");
    expect(Object.keys(usual).toSorted()).toEqual(["ca", "rejectUnauthorized"]);
    expect(() => tlsOf("q.example", { ...unset, ca: "/nonexistent" }, folder)).toThrow(
      'cannot use certificate "/nonexistent", which the setting registries."q.example".ca names: no such file or directory',
    );
    const noPem = { ...unset, ca: join(own, "other") };
    expect(() => tlsOf("q.example", noPem, folder)).toThrow("names: it is not in PEM form");
    const noKey = { ...unset, clientCertificate: join(folder, "ca"), clientKey: "/nonexistent" };
    expect(() => tlsOf("q.example", noKey, folder)).toThrow('registries."q.example".client_key names');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("a token server without TLS is for registries of this machine and for hosts that are set so", () => {
  const local = new URL("http://127.0.0.1:5001/token");
  expect(mayBePlain(local, "127.0.0.1:5000", {})).toBe(true);
  expect(mayBePlain(local, "registry.example", {})).toBe(false);
  expect(mayBePlain(new URL("http://t.example/"), "127.0.0.1:5000", {})).toBe(false);
  expect(
    mayBePlain(new URL("http://t.example/"), "r.example", { "t.example": { ...unset, http: true } }),
  ).toBe(true);
});
