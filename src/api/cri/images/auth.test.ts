import { expect, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import { AuthConfigSchema } from "../../../wire/cri/cri_pb.ts";
import { credentialsOf } from "./auth.ts";

const of = (
  fields: Partial<
    Record<"username" | "password" | "auth" | "serverAddress" | "identityToken" | "registryToken", string>
  >,
  registry = "registry.example:5000",
) => credentialsOf(create(AuthConfigSchema, fields), registry);
const base64 = (text: string) => Buffer.from(text).toString("base64");

test("a name goes before tokens and before what is in base64", () => {
  const all = {
    username: "ann",
    password: "a:b",
    identityToken: "i",
    auth: base64("c:d"),
    registryToken: "r",
  };
  expect(of(all)).toEqual({ username: "ann", secret: "a:b", kind: "password" });
  expect(of({ ...all, username: "" })).toEqual({ username: "", secret: "i", kind: "identity" });
  expect(of({ auth: all.auth, registryToken: "r" })).toEqual({
    username: "c",
    secret: "d",
    kind: "password",
  });
  expect(of({ registryToken: "r" })).toEqual({ username: "", secret: "r", kind: "bearer" });
  expect(of({})).toBeUndefined();
  expect(credentialsOf(undefined, "registry.example")).toBeUndefined();
});

test("what is in base64 may have colons in the password and zeros at its end", () => {
  expect(of({ auth: base64("ann:pass:word\0\0") })).toEqual({
    username: "ann",
    secret: "pass:word",
    kind: "password",
  });
});

test("credentials for another registry are not shown to this one", () => {
  const ann = { username: "ann", password: "secret" };
  for (const serverAddress of ["registry.example:5000", "https://registry.example:5000/v2/", ""])
    expect(of({ ...ann, serverAddress })).toBeDefined();
  for (const serverAddress of [
    "registry.example",
    "https://other.example:5000",
    "https://evil/registry.example:5000",
  ])
    expect(of({ ...ann, serverAddress })).toBeUndefined();
  expect(of({ ...ann, serverAddress: "https://index.docker.io/v1/" }, "docker.io")).toBeDefined();
});

test("what cannot be read is refused without a word of the secret", () => {
  for (const fields of [
    { auth: "*secret*" },
    { auth: base64("secret") },
    { registryToken: "secret\r\nX-Other: secret" },
    { username: "ann", password: "secret".repeat(20_000) },
  ]) {
    let said: unknown;
    try {
      of(fields);
    } catch (error) {
      said = error;
    }
    expect(said).toMatchObject({ code: "invalid_argument" });
    expect((said as Error).message).not.toContain("secret");
  }
});
