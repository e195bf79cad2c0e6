/** An API server of the test's own on a free port, and the files by which kubectl and others reach it. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ResourceMetrics } from "../../../src/fleet/cloud/apiserver/metrics.ts";
import { openApiServer, type ApiServer } from "../../../src/fleet/cloud/apiserver/server.ts";

export interface Cluster extends AsyncDisposable {
  /** For files of the test; removed with the cluster. */
  readonly folder: string;
  readonly kubeconfig: string;
  readonly server: ApiServer;
  /** Writes a file and gives its path. */
  write(name: string, text: string): string;
  /** Closes the server and opens it on the same port with the same objects. */
  restart(): Promise<void>;
}

export interface ClusterOptions {
  readonly controllers?: boolean;
  readonly metrics?: ResourceMetrics;
  /** What the server says of itself. */
  readonly log?: (line: string) => void;
}

export async function openCluster({
  controllers = true,
  metrics,
  log = () => {},
}: ClusterOptions = {}): Promise<Cluster> {
  const folder = mkdtempSync(join(tmpdir(), "sampan-cluster-"));
  const open = async (port: number) =>
    await openApiServer({
      folder: join(folder, "data"),
      host: "127.0.0.1",
      port,
      log,
      controllers,
      ...(metrics ? { metrics } : {}),
    });
  const write = (name: string, text: string) => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  };
  const state = { server: await open(0) };
  await state.server.whenReady;
  const kubeconfig = write("kubeconfig", await kubeconfigOf(state.server));
  return {
    folder,
    kubeconfig,
    get server() {
      return state.server;
    },
    write,
    restart: async () => {
      const { port } = state.server;
      await state.server.close();
      state.server = await open(port);
      await state.server.whenReady;
    },
    [Symbol.asyncDispose]: async () => {
      await state.server.close();
      rmSync(folder, { recursive: true });
    },
  };
}

const base64 = (text: string) => Buffer.from(text).toString("base64");

/** Of an administrator, by a certificate. */
async function kubeconfigOf({ url, authority }: ApiServer): Promise<string> {
  const { certificate, key } = await authority.issueClient({ user: "admin", groups: ["system:masters"] });
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": "test",
    contexts: [{ name: "test", context: { cluster: "test", user: "admin" } }],
    clusters: [
      { name: "test", cluster: { server: url, "certificate-authority-data": base64(authority.ca) } },
    ],
    users: [
      {
        name: "admin",
        user: { "client-certificate-data": base64(certificate), "client-key-data": base64(key) },
      },
    ],
  });
}
