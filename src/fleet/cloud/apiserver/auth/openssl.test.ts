/** Another program's eyes on our certificates, and ours on its requests. */
import { afterAll, expect } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { needing } from "../../../../../test/needs.ts";
import { openAuthority } from "./authority.ts";
import { readRequest } from "./csr/request.ts";

const { test } = needing({ programs: ["openssl"] });
const folder = mkdtempSync(join(tmpdir(), "sampan-openssl-"));
afterAll(() => rmSync(folder, { recursive: true }));

function openssl(...args: readonly string[]): { status: number; said: string } {
  const { exitCode, stdout, stderr } = Bun.spawnSync(["openssl", ...args], { cwd: folder });
  return { status: exitCode, said: `${stdout.toString()}${stderr.toString()}` };
}

test("openssl trusts them for what they are for, and for nothing else", async () => {
  const authority = await openAuthority({ folder: join(folder, "pki") });
  await authority.server();
  const client = await authority.issueClient({ user: "jane", groups: ["dev"] });
  writeFileSync(join(folder, "client.crt"), client.certificate);
  const verify = (purpose: string, file: string) =>
    openssl("verify", "-x509_strict", "-CAfile", "pki/ca.crt", "-purpose", purpose, file).status;
  expect(verify("sslserver", "pki/server.crt")).toBe(0);
  expect(verify("sslclient", "pki/server.crt")).not.toBe(0);
  expect(verify("sslclient", "client.crt")).toBe(0);
  expect(verify("sslserver", "client.crt")).not.toBe(0);
  const { said } = openssl("x509", "-in", "client.crt", "-noout", "-subject", "-nameopt", "RFC2253");
  expect(said.trim()).toBe("subject=CN=jane,O=dev");
});

const keys = [
  ["RSA", ["-newkey", "rsa:2048"]],
  ["P-256", ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]],
  ["P-384", ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp384r1"]],
  ["Ed25519", ["-newkey", "ed25519"]],
] as const;
for (const [name, flags] of keys)
  test(`a request of openssl with a key of ${name} is read, and known to be its own`, async () => {
    const names = ["-addext", "subjectAltName=DNS:a.example,IP:192.0.2.1,URI:https://b.example"];
    const made = openssl(
      "req",
      "-new",
      ...flags,
      "-nodes",
      "-keyout",
      "k",
      "-out",
      "r",
      "-subj",
      "/O=dev/CN=jane",
      ...names,
    );
    expect(made.status).toBe(0);
    const request = readRequest(readFileSync(join(folder, "r")).toString("base64"));
    if (typeof request === "string") throw new Error(request);
    expect(request).toMatchObject({
      commonName: "jane",
      organizations: ["dev"],
      dns: ["a.example"],
      ip: ["192.0.2.1"],
      others: ["url:https://b.example"],
    });
    expect(await request.verify()).toBe(true);
  });
