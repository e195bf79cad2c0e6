import { expect, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import { statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openSecureApi, type SecureApiOptions } from "../../../src/fleet/edge/metaserver/secure.ts";
import type { SecurePlace } from "../../../src/fleet/edge/metaserver/open.ts";
import type { KubeObject } from "../../../src/spec/kubernetes/kube.ts";
import { fakeEdgeContext, FakeMeta } from "../fake-edge-context.ts";

const key = { namespace: "default", type: "service", name: "kubernetes" };
const service = (clusterIP: string): KubeObject => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: { namespace: "default", name: "kubernetes" },
  spec: { clusterIP, clusterIPs: [clusterIP] },
});

/** Where it listens, by which certificate. */
function place(root: string) {
  const open: SecurePlace[] = [];
  const changed = Promise.withResolvers<void>();
  const meta = new FakeMeta();
  const options: SecureApiOptions = {
    server: {
      listenSecurely: async (asked) => {
        open.push(asked);
        if (open.length > 1) changed.resolve();
        return await Promise.resolve({ port: 4443, [Symbol.asyncDispose]: async () => {} });
      },
    },
    meta,
    folder: join(root, "metaserver"),
    address: "169.254.96.16",
    port: 0,
    domain: "cluster.local",
    log: () => {},
  };
  return { open, meta, options, changed: changed.promise };
}

test("the certificate has the names and addresses of the API, and stays over restarts", async () => {
  using context = fakeEdgeContext();
  const { open, options } = place(context.root);
  const first = await openSecureApi(options);
  const { authority } = first;
  await first[Symbol.asyncDispose]();
  const certificate = new X509Certificate(open[0]?.identity.certificate ?? "");
  expect(certificate.verify(new X509Certificate(authority).publicKey)).toBe(true);
  for (const name of ["kubernetes.default.svc", "kubernetes.default.svc.cluster.local", "localhost"])
    expect(certificate.checkHost(name)).toBe(name);
  for (const address of ["169.254.96.16", "10.96.0.1"]) expect(certificate.checkIP(address)).toBe(address);
  expect(certificate.checkHost("example.com")).toBeUndefined();
  expect(statSync(join(options.folder, "node.pem")).mode & 0o777).toBe(0o600);
  await using again = await openSecureApi(options);
  expect(again.authority).toBe(authority);
});

test("another address of the API's service is in a new certificate at the same port, others change nothing", async () => {
  using context = fakeEdgeContext();
  const { open, meta, options, changed } = place(context.root);
  await using api = await openSecureApi(options);
  const before = api.authority;
  meta.put(key, service("10.96.0.1"));
  meta.put({ ...key, name: "web" }, service("192.0.2.4"));
  meta.put(key, service("10.200.0.1"));
  await changed;
  expect(open.map(({ port }) => port)).toEqual([0, 4443]);
  expect(new X509Certificate(open[1]?.identity.certificate ?? "").checkIP("10.200.0.1")).toBe("10.200.0.1");
  expect(api.authority).not.toBe(before);
});

test("damaged keys are made anew", async () => {
  using context = fakeEdgeContext();
  const { options } = place(context.root);
  const first = await openSecureApi(options);
  const { authority } = first;
  await first[Symbol.asyncDispose]();
  writeFileSync(join(options.folder, "node.pem"), "nothing");
  await using again = await openSecureApi(options);
  expect(again.authority).not.toBe(authority);
});
