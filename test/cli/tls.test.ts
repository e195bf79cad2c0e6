/** Mutual TLS as DOCKER_TLS_VERIFY and DOCKER_CERT_PATH ask for it, for requests and for hijacked streams. */
import { afterAll, beforeAll, expect } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer, type Server } from "node:tls";
import { needing } from "../needs.ts";
import { sampan } from "./_world.ts";

const { test } = needing({ programs: ["openssl"] });

let folder: string;
let server: Server;

const at = (name: string) => join(folder, name);

function openssl(...args: string[]): void {
  const { exitCode, stderr } = Bun.spawnSync(["openssl", ...args], { cwd: folder, timeout: 20_000 });
  if (exitCode !== 0) throw new Error(stderr.toString());
}

/** A key and a certificate that the authority of this test signs. */
function certificate(name: string, extension: string): void {
  const subject = ["-subj", `/CN=${name}`, "-addext", extension];
  const signed = ["-CA", at("ca.pem"), "-CAkey", at("ca-key.pem"), "-days", "2"];
  const out = ["-keyout", at(`${name}-key.pem`), "-out", at(`${name}.pem`)];
  openssl(
    "req",
    "-x509",
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:P-256",
    "-nodes",
    ...subject,
    ...signed,
    ...out,
  );
}

beforeAll(async () => {
  if (!Bun.which("openssl")) return;
  folder = mkdtempSync(join(tmpdir(), "sampan-tls-"));
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
  openssl(
    "req",
    "-x509",
    ...curve,
    "-subj",
    "/CN=authority",
    "-keyout",
    at("ca-key.pem"),
    "-out",
    at("ca.pem"),
  );
  certificate("server", "subjectAltName=IP:127.0.0.1");
  certificate("client", "extendedKeyUsage=clientAuth");
  await Bun.write(at("cert.pem"), readFileSync(at("client.pem")));
  await Bun.write(at("key.pem"), readFileSync(at("client-key.pem")));
  const options = {
    key: readFileSync(at("server-key.pem")),
    cert: readFileSync(at("server.pem")),
    ca: readFileSync(at("ca.pem")),
    requestCert: true,
    rejectUnauthorized: true,
  };
  server = createServer(options, (socket) => {
    socket.on("error", () => {});
    socket.once("data", (bytes) => {
      const text = bytes.toString();
      const body = text.includes("/exec/e/json")
        ? '{"ExitCode":7}'
        : text.includes("/exec ")
          ? '{"Id":"e"}'
          : "[]";
      if (text.includes("/exec/e/start")) {
        socket.write("HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n");
        socket.end(Buffer.concat([Buffer.from([1, 0, 0, 0, 0, 0, 0, 3]), Buffer.from("hi\n")]));
      } else
        socket.end(
          `HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Length: ${text.startsWith("HEAD") ? 0 : body.length}\r\nConnection: close\r\n\r\n${text.startsWith("HEAD") ? "" : body}`,
        );
    });
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, "127.0.0.1", resolve);
  await promise;
});
afterAll(() => {
  server?.close();
  if (folder) rmSync(folder, { recursive: true, force: true });
});

const host = () => `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`;

test("requests and streams go by mutual TLS", async () => {
  const env = { DOCKER_HOST: host(), DOCKER_TLS_VERIFY: "1", DOCKER_CERT_PATH: folder };
  expect(await sampan(["ps", "-q"], { env })).toMatchObject({ status: 0, out: "", err: "" });
  expect(await sampan(["exec", "box", "true"], { env })).toMatchObject({ status: 7, out: "hi\n", err: "" });
});

test("the flags name the files too", async () => {
  const flags = [
    "--tlsverify",
    "--tlscacert",
    at("ca.pem"),
    "--tlscert",
    at("cert.pem"),
    "--tlskey",
    at("key.pem"),
  ];
  expect(await sampan(["-H", host(), ...flags, "ps"])).toMatchObject({ status: 0, err: "" });
});

test("without a certificate, or with an authority that did not sign, there is no connection", async () => {
  const env = { DOCKER_HOST: host(), DOCKER_TLS_VERIFY: "1", DOCKER_CERT_PATH: "/nonexistent" };
  const unknown = await sampan(["ps"], { env });
  expect(unknown.status).toBe(1);
  expect(unknown.err).toStartWith(`Error: cannot connect to the daemon at ${host()}: `);
  const exec = await sampan(["exec", "box", "true"], { env: { ...env, DOCKER_API_VERSION: "1.41" } });
  expect(exec.status).toBe(1);
  expect(exec.err).toContain("cannot connect to the daemon");
});

test("a data root in the line outweighs the environment's daemon, and goes with no other", async () => {
  const env = { DOCKER_HOST: host() };
  const { place } = await sampan(["--root", "/elsewhere", "ps"], {
    env,
    daemon: { containers: async () => [] },
  });
  expect(place?.root).toBe("/elsewhere");
  const both = await sampan(["--root", "/elsewhere", "-H", host(), "ps"], { env });
  expect(both.status).toBe(125);
  expect(both.err).toStartWith("Error: cannot use --host and --root together");
});
