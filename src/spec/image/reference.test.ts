import { describe, expect, test } from "bun:test";
import { familiarName, normalName, parseReference, repositoryName } from "./reference.ts";

const hex = "0123456789abcdef".repeat(4);
const sha256 = `sha256:${hex}`;
const sha512 = `sha512:${hex}${hex}`;

const normal = [
  ["alpine", "docker.io/library/alpine:latest"],
  ["alpine:3.20", "docker.io/library/alpine:3.20"],
  ["library/alpine", "docker.io/library/alpine:latest"],
  ["docker.io/alpine", "docker.io/library/alpine:latest"],
  ["docker.io/library/alpine", "docker.io/library/alpine:latest"],
  ["index.docker.io/alpine", "docker.io/library/alpine:latest"],
  ["index.docker.io/a/b:c", "docker.io/a/b:c"],
  ["user/app", "docker.io/user/app:latest"],
  ["a/b/c", "docker.io/a/b/c:latest"],
  ["localhost/app", "localhost/app:latest"],
  ["localhost", "docker.io/library/localhost:latest"],
  ["localhost:5000", "docker.io/library/localhost:5000"],
  ["localhost:5000/app", "localhost:5000/app:latest"],
  ["localhost:5000/app:1", "localhost:5000/app:1"],
  ["127.0.0.1:5000/a/b", "127.0.0.1:5000/a/b:latest"],
  ["[::1]:5000/app:1", "[::1]:5000/app:1"],
  ["[2001:db8::1]/app", "[2001:db8::1]/app:latest"],
  ["Registry/app", "Registry/app:latest"],
  ["REGISTRY.example:443/app", "REGISTRY.example:443/app:latest"],
  ["quay.io/org/app:v1", "quay.io/org/app:v1"],
  ["xn--n3h.example/app", "xn--n3h.example/app:latest"],
  ["my.registry/a", "my.registry/a:latest"],
  ["a__b", "docker.io/library/a__b:latest"],
  ["a---b", "docker.io/library/a---b:latest"],
  ["a.b_c-d", "docker.io/library/a.b_c-d:latest"],
  ["app:_x", "docker.io/library/app:_x"],
  ["app:UPPER.case-1", "docker.io/library/app:UPPER.case-1"],
  [`app:${"t".repeat(128)}`, `docker.io/library/app:${"t".repeat(128)}`],
  [`alpine@${sha256}`, `docker.io/library/alpine@${sha256}`],
  [`alpine:3@${sha256}`, `docker.io/library/alpine:3@${sha256}`],
  [`quay.io/a/b@${sha512}`, `quay.io/a/b@${sha512}`],
  [`${hex}:tag`, `docker.io/library/${hex}:tag`],
  [`${hex.slice(1)}`, `docker.io/library/${hex.slice(1)}:latest`],
  [`r.example/${"a".repeat(255)}`, `r.example/${"a".repeat(255)}:latest`],
] as const;

const refused = [
  ["", "empty"],
  [hex, "image id"],
  ["Alpine", "lower-case"],
  ["user/App", "lower-case"],
  ["docker.io/User/app", "lower-case"],
  ["-a", "repository"],
  ["a-", "repository"],
  ["a..b", "repository"],
  ["a___b", "repository"],
  ["a._b", "repository"],
  ["a//b", "repository"],
  ["a/", "repository"],
  ["/a", "repository"],
  ["a/../b", "repository"],
  ["../../etc", "registry"],
  ["r.example/../b", "repository"],
  ["a b", "repository"],
  ["a\nb", "repository"],
  ["a\n", "repository"],
  ["a\u0000", "repository"],
  ["ä", "repository"],
  ["a:", "tag"],
  ["a:-x", "tag"],
  ["a:.x", "tag"],
  ["a:b:c", "tag"],
  ["a:b\n", "tag"],
  [`a:${"t".repeat(129)}`, "tag"],
  ["a@", "digest"],
  ["a@sha256:abc", "digest"],
  ["a@md5:00000000000000000000000000000000", "digest"],
  [`a@${sha256.toUpperCase()}`, "digest"],
  [`a@${sha256}@${sha256}`, "digest"],
  ["-r.example/a", "registry"],
  ["r-.example/a", "registry"],
  ["r..example/a", "registry"],
  ["r.example:/a", "registry"],
  ["r.example:x/a", "registry"],
  ["r.example:0/a", "port"],
  ["r.example:65536/a", "port"],
  ["user@r.example/a", "digest"],
  ["https://r.example/a", "registry"],
  ["[::1/a", "registry"],
  ["[::1%eth0]/a", "registry"],
  ["::1/a", "registry"],
  [`r.example/${"a".repeat(256)}`, "at most 255"],
  ["a".repeat(5000), "more than 4096"],
] as const;

describe("image names", () => {
  test.each(normal)("%s is %s", (text, expected) => {
    expect(normalName(parseReference(text))).toBe(expected);
  });

  test.each(refused)("%j is refused", (text, why) => {
    expect(() => parseReference(text)).toThrow(why);
  });

  test("parts are those of the text", () => {
    expect(parseReference(`[::1]:5000/a/b:1@${sha256}`)).toEqual({
      registry: "[::1]:5000",
      repository: "a/b",
      tag: "1",
      digest: sha256 as never,
    });
    expect(repositoryName(parseReference("alpine"))).toBe("docker.io/library/alpine");
  });

  test.each([
    ["docker.io/library/alpine:latest", "alpine:latest"],
    ["docker.io/library/alpine", "alpine"],
    ["docker.io/user/app:1", "user/app:1"],
    [`docker.io/library/alpine@${sha256}`, `alpine@${sha256}`],
    ["docker.io/library/a/b:1", "library/a/b:1"],
    ["docker.io/localhost/app:1", "docker.io/localhost/app:1"],
    ["docker.io/a.b/app:1", "docker.io/a.b/app:1"],
    ["quay.io/library/app:1", "quay.io/library/app:1"],
  ])("%s is shown as %s", (name, short) => {
    expect(familiarName(name)).toBe(short);
    if (/[:@]/.test(name)) expect(normalName(parseReference(short))).toBe(name);
  });

  test("a normal name read again is itself, and its short form means it, whatever the text", () => {
    const pieces = [
      "a",
      "B",
      "0",
      ".",
      "-",
      "_",
      "/",
      ":",
      "@",
      "[",
      "]",
      "localhost",
      "docker.io",
      "library",
      sha256,
      "1",
    ];
    let state = 1;
    const next = (limit: number) => {
      state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
      return Math.floor((state / 2_147_483_648) * limit);
    };
    let accepted = 0;
    for (let round = 0; round < 30_000; round++) {
      const text = Array.from({ length: 1 + next(7) }, () => pieces[next(pieces.length)]).join("");
      const reference = attempt(text);
      if (!reference) continue;
      accepted++;
      const name = normalName(reference);
      expect(parseReference(name)).toEqual(reference);
      expect(normalName(parseReference(familiarName(name)))).toBe(name);
    }
    expect(accepted).toBeGreaterThan(500);
  });
});

function attempt(text: string) {
  try {
    return parseReference(text);
  } catch (error) {
    expect(error).toHaveProperty("code", "invalid_argument");
    return undefined;
  }
}
