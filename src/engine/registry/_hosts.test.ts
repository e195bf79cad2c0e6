import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { endpointsIn, findHosts } from "./_hosts.ts";

const folder = mkdtempSync(join(tmpdir(), "sampan-certs-"));
afterAll(() => rmSync(folder, { recursive: true }));

let made = 0;
function certs(files: Readonly<Record<string, string>>): string {
  const root = join(folder, String(made++));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(root, name), { recursive: true });
    writeFileSync(join(root, name, "hosts.toml"), text);
  }
  return root;
}

function endpoints(registry: string, text: string) {
  const found = findHosts(registry, [certs({ [registry]: text })]);
  if (!found) throw new Error("not found");
  return endpointsIn(found, registry, {}).map(({ address }) => address);
}

test("the first of several folders that has one for the registry counts, and only then what is for all", () => {
  const one = certs({ "a.example": "", _default: "" });
  const two = certs({ "a.example": "", "b.example": "" });
  expect(findHosts("a.example", [one, two])?.folder).toBe(join(one, "a.example"));
  expect(findHosts("b.example", [one, two])?.folder).toBe(join(two, "b.example"));
  expect(findHosts("c.example", [two, one])?.folder).toBe(join(one, "_default"));
  expect(findHosts("c.example", [two, join(folder, "none")])).toBeUndefined();
  expect(findHosts("..", [join(one, "a.example")])).toBeUndefined();
});

test("who stands for the registry is told its credentials, who is another is told which registry is meant", () => {
  const [own, mirror, server] = endpoints(
    "registry.example",
    `server = "https://other.example"\n[host."https://registry.example"]\n[host."https://mirror.example/v2"]`,
  );
  expect(own).toMatchObject({ name: "registry.example", host: "registry.example", path: "" });
  expect(own).not.toHaveProperty("namespace");
  expect(mirror).toMatchObject({ name: "mirror.example", path: "", namespace: "registry.example" });
  expect(server).toMatchObject({
    name: "registry.example",
    host: "other.example",
    namespace: "registry.example",
  });
});

test("Docker's hub is where its registry is, whatever it is called", () => {
  for (const name of ["docker.io", "registry-1.docker.io"]) {
    const [server] = endpoints("docker.io", `server = "https://${name}"`);
    expect(server).toMatchObject({ name: "docker.io", host: "registry-1.docker.io", scheme: "https" });
    expect(server).not.toHaveProperty("namespace");
  }
});

test("plain HTTP is for an address that says so; with words on TLS it is what is left when there is none", () => {
  const schemes = (entry: string) =>
    endpoints("registry.example", `[host.${entry}`).map(({ scheme }) => scheme)[0];
  expect(schemes(`"http://a:5000"]`)).toBe("http");
  expect(schemes(`"http://a:5000"]\nskip_verify = true`)).toBe("either");
  expect(schemes(`"http://a"]\nskip_verify = true`)).toBe("http");
  expect(schemes(`"https://a:5000"]`)).toBe("https");
  expect(schemes(`"a:5000"]`)).toBe("https");
});
