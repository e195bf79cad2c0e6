import { expect, test } from "bun:test";
import { credentialsFor } from "../../../src/fleet/edge/edged/pull-secrets.ts";
import { pullPolicy } from "../../../src/fleet/edge/edged/images.ts";
import { parseReference } from "../../../src/spec/image/reference.ts";
import type { KubeObject } from "../../../src/spec/kubernetes/kube.ts";

const encoded = (value: unknown) =>
  Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64");
const secret = (type: string, data: Record<string, string>): KubeObject => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name: "pull" },
  type,
  data,
});
const modern = (auths: unknown) =>
  secret("kubernetes.io/dockerconfigjson", { ".dockerconfigjson": encoded({ auths }) });
const old = (places: unknown) => secret("kubernetes.io/dockercfg", { ".dockercfg": encoded(places) });
const find = (image: string, ...secrets: KubeObject[]) =>
  credentialsFor(parseReference(image), secrets).map(({ username }) => username);
const user = (username: string) => ({ username, password: "pw" });

test.each([
  ["registry.example/app", "registry.example", true],
  ["registry.example/app", "https://registry.example/v1/", true],
  ["registry.example/app", "http://registry.example", true],
  ["registry.example/app", "*.example", true],
  ["a.b.example/app", "*.example", false],
  ["registry.example/app", "reg*.example", true],
  ["registry.example/app", "r*g*y.example", true],
  ["registry.example/app", "*z*.example", false],
  ["registry.example/app", "example", false],
  ["registry.example:5000/app", "registry.example", false],
  ["registry.example:5000/app", "registry.example:5000", true],
  ["registry.example/team/app", "registry.example/team", true],
  ["registry.example/teams/app", "registry.example/team", false],
  ["registry.example/app", "registry.example.evil.example", false],
  ["alpine", "https://index.docker.io/v1/", true],
  ["alpine", "docker.io", true],
  ["registry.example/app", "docker.io", false],
])("%s is asked for with the key of %s: %p", (image, place, wanted) => {
  expect(find(image, modern({ [place]: user("u") }))).toEqual(wanted ? ["u"] : []);
});

test("the most exact place is tried first, of all secrets, in both forms", () => {
  const secrets = [
    modern({ "r.example": user("host"), "r.example/team": user("team") }),
    old({ "r.example": { auth: encoded("old:pw") } }),
  ];
  expect(find("r.example/team/app", ...secrets)).toEqual(["team", "host", "old"]);
});

test("credentials are read in all their forms", () => {
  const read = (entry: object) =>
    credentialsFor(parseReference("r.example/a"), [modern({ "r.example": entry })])[0];
  expect(read({ auth: encoded("u:p:q") })).toEqual({ username: "u", secret: "p:q", kind: "password" });
  expect(read({ auth: encoded("u:"), identitytoken: "t" })).toEqual({
    username: "u",
    secret: "t",
    kind: "identity",
  });
  expect(read({ username: "a", password: "b", auth: encoded("u:p") })).toEqual({
    username: "a",
    secret: "b",
    kind: "password",
  });
  expect(read({})).toBeUndefined();
});

test.each<[string, KubeObject]>([
  ["no JSON", secret("kubernetes.io/dockerconfigjson", { ".dockerconfigjson": encoded("{s3cret") })],
  ["another type", secret("Opaque", { ".dockerconfigjson": encoded({ auths: {} }) })],
  ["a type of every object", secret("constructor", {})],
  ["a list", secret("kubernetes.io/dockercfg", { ".dockercfg": encoded([]) })],
  ["nothing", secret("kubernetes.io/dockercfg", {})],
  ["too much", secret("kubernetes.io/dockercfg", { ".dockercfg": "A".repeat((1 << 20) + 1) })],
])("a secret that holds %s is passed over, and told without its text", (_, broken) => {
  const told: string[] = [];
  expect(credentialsFor(parseReference("r.example/a"), [broken], (text) => told.push(text))).toEqual([]);
  expect(told).toEqual(['pull secret "pull" holds no credentials that can be read']);
});

test.each([
  ["app", undefined, "Always"],
  ["app:latest", undefined, "Always"],
  ["app:1", undefined, "IfNotPresent"],
  [`app@sha256:${"0".repeat(64)}`, undefined, "IfNotPresent"],
  ["app", "Never", "Never"],
  ["app:1", "Always", "Always"],
])("the pull policy of %s with %p is %s", (image, imagePullPolicy, wanted) => {
  const asked = { name: "c", image, ...(imagePullPolicy && { imagePullPolicy }) };
  expect(pullPolicy(asked)).toBe(wanted as "Always");
});

test.each(["", "UPPER", "a b", "a\nb", "a:b:c", "../x"])(
  "image name %j is refused by its reason",
  (image) => {
    expect(() => pullPolicy({ name: "c", image })).toThrow(
      expect.objectContaining({ reason: "InvalidImageName" }),
    );
  },
);
