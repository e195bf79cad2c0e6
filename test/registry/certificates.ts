/** An authority of the test's own and a certificate for 127.0.0.1 that it signed, made anew by openssl: none expires in the repository. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Certificates extends Disposable {
  /** Files in PEM form. */
  readonly authority: string;
  readonly certificate: string;
  readonly key: string;
  /** The authority's text. */
  readonly pem: string;
}

export function makeCertificates(names = "IP:127.0.0.1,DNS:localhost"): Certificates {
  const folder = mkdtempSync(join(tmpdir(), "sampan-certificates-"));
  const at = (name: string) => join(folder, name);
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  openssl([
    "req",
    "-x509",
    ...newKey,
    "-days",
    "2",
    "-subj",
    "/CN=test authority",
    "-keyout",
    at("ca.key"),
    "-out",
    at("ca.crt"),
  ]);
  openssl([
    "req",
    ...newKey,
    "-subj",
    "/CN=test registry",
    "-keyout",
    at("key.pem"),
    "-out",
    at("request.pem"),
  ]);
  writeFileSync(at("extensions"), `subjectAltName=${names}\n`);
  const sign = ["x509", "-req", "-days", "2", "-in", at("request.pem"), "-extfile", at("extensions")];
  const by = ["-CA", at("ca.crt"), "-CAkey", at("ca.key"), "-CAcreateserial"];
  openssl([...sign, ...by, "-out", at("certificate.pem")]);
  return {
    authority: at("ca.crt"),
    certificate: at("certificate.pem"),
    key: at("key.pem"),
    pem: readFileSync(at("ca.crt"), "utf8"),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function openssl(args: readonly string[]): void {
  const { exitCode, stderr } = Bun.spawnSync(["openssl", ...args], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
  });
  if (exitCode !== 0) throw new Error(`openssl ${args[0]}: ${stderr.toString()}`);
}
