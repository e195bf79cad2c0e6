import { afterAll, expect, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "yaml";
import { SampanError } from "../../base/errors.ts";
import { openAuthority } from "../../fleet/cloud/apiserver/auth/authority.ts";
import { writeRecord } from "../daemon/lock.ts";
import { keepAdminKubeconfig, newKubeconfig } from "./kubeconfig.ts";

const top = mkdtempSync(join(tmpdir(), "sampan-kubeconfig-"));
afterAll(() => rmSync(top, { recursive: true }));
let count = 0;

async function cloud() {
  const root = join(top, String((count += 1)));
  return { root, authority: await openAuthority({ folder: join(root, "pki") }) };
}

interface Read {
  readonly "current-context": string;
  readonly clusters: readonly {
    name: string;
    cluster: { server: string; "certificate-authority-data": string };
  }[];
  readonly users: readonly {
    name: string;
    user: { "client-certificate-data": string; "client-key-data": string };
  }[];
  readonly contexts: readonly { name: string; context: { cluster: string; user: string } }[];
}

function read(text: string) {
  const config = parse(text) as Read;
  const [cluster, user, context] = [config.clusters[0], config.users[0], config.contexts[0]];
  expect(context).toEqual({
    name: config["current-context"],
    context: { cluster: cluster?.name ?? "", user: user?.name ?? "" },
  });
  const decoded = (base64 = "") => Buffer.from(base64, "base64").toString();
  return {
    server: cluster?.cluster.server,
    user: user?.name,
    ca: decoded(cluster?.cluster["certificate-authority-data"]),
    key: decoded(user?.user["client-key-data"]),
    certificate: new X509Certificate(decoded(user?.user["client-certificate-data"])),
  };
}

async function refusal(work: Promise<unknown>): Promise<SampanError> {
  return work.then(
    () => {
      throw new Error("it was not refused");
    },
    (error: unknown) => SampanError.from(error),
  );
}

const none = { group: [], server: undefined, user: undefined, "valid-for": undefined };

test("without a name it is the administrator's, with the authority and a key that fits", async () => {
  const { root, authority } = await cloud();
  const { server, user, ca, certificate, key } = read(await newKubeconfig(root, none));
  expect([server, user, ca]).toEqual(["https://127.0.0.1:6443", "kubernetes-admin", authority.ca]);
  expect(certificate.subject.split("\n")).toEqual(["O=sampan:cluster-admins", "CN=kubernetes-admin"]);
  expect(key).toContain("PRIVATE KEY");
  expect(certificate.verify(new X509Certificate(ca).publicKey)).toBe(true);
});

test("each time it is a new certificate, for whom it was asked and as long", async () => {
  const { root } = await cloud();
  const ask = () =>
    newKubeconfig(root, {
      server: "https://c.example:1",
      user: 'jane "of" ops',
      group: ["dev", "qa"],
      "valid-for": "1h",
    });
  const [first, second] = [read(await ask()), read(await ask())];
  expect(first.server).toBe("https://c.example:1");
  expect(first.user).toBe('jane "of" ops');
  expect(first.certificate.subject.split("\n")[0]).toBe("O=dev");
  expect(first.certificate.serialNumber).not.toBe(second.certificate.serialNumber);
  const length = Date.parse(first.certificate.validTo) - Date.parse(first.certificate.validFrom);
  expect(length).toBe(3_600_000 + 300_000);
});

test("a user that is named is no administrator by it", async () => {
  const { root } = await cloud();
  expect(read(await newKubeconfig(root, { ...none, user: "jane" })).certificate.subject).toBe("CN=jane");
});

test("the server is the one that runs, else the last one that ran", async () => {
  const { root, authority } = await cloud();
  await keepAdminKubeconfig(root, "https://192.0.2.1:7443", authority);
  expect(read(await newKubeconfig(root, none)).server).toBe("https://192.0.2.1:7443");
  using _ = writeRecord(root, { pid: 1, hosts: ["https://192.0.2.2:6443"] });
  expect(read(await newKubeconfig(root, none)).server).toBe("https://192.0.2.2:6443");
});

test("where no cloud is, none is made", async () => {
  const root = join(top, "none");
  const error = await refusal(newKubeconfig(root, none));
  expect(error.code).toBe("not_found");
  expect(error.message).toContain(root);
  expect(existsSync(root)).toBe(false);
});

test("what is no server, no name and no duration is refused", async () => {
  const { root } = await cloud();
  for (const wrong of [
    { server: "cloud.example.com" },
    { server: "http://cloud.example.com" },
    { user: "" },
    { user: "a\nb" },
    { group: ["a", ""] },
    { "valid-for": "1m" },
  ])
    expect((await refusal(newKubeconfig(root, { ...none, ...wrong }))).code).toBe("invalid_argument");
});

test("the administrator's file is for its owner alone, and stays as long as it is good", async () => {
  const { root, authority } = await cloud();
  const path = await keepAdminKubeconfig(root, "https://a:1", authority);
  const first = readFileSync(path, "utf8");
  expect(statSync(path).mode & 0o777).toBe(0o600);
  await keepAdminKubeconfig(root, "https://a:1", authority);
  expect(readFileSync(path, "utf8")).toBe(first);
  await keepAdminKubeconfig(root, "https://b:1", authority);
  expect(read(readFileSync(path, "utf8")).server).toBe("https://b:1");
  writeFileSync(path, "nothing");
  await keepAdminKubeconfig(root, "https://b:1", authority);
  expect(read(readFileSync(path, "utf8")).user).toBe("kubernetes-admin");
});
