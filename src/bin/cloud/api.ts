/** The Kubernetes API that the cloud works on: its own, in this process, or a cluster's. */
import type { Informers } from "../../fleet/cloud/informer/informers.ts";
import { openApiServer } from "../../fleet/cloud/apiserver/server.ts";
import type { CloudStream } from "../../fleet/cloud/stream/open.ts";
import type { KubeClient } from "../../spec/kubernetes/kube.ts";
import { takeFolder, writeRecord } from "../daemon/lock.ts";
import type { Log } from "../daemon/log.ts";
import { keepAdminKubeconfig } from "./kubeconfig.ts";
import { pathReader } from "./path-reader.ts";
import type { CloudSettings } from "./settings.ts";

export interface CloudApi extends AsyncDisposable {
  readonly client: KubeClient;
  /** What its controllers look at anyway. */
  readonly informers?: Informers;
  readonly url: string;
  /** Its administrator's. */
  readonly kubeconfig: string;
  readonly whenReady: Promise<void>;
  /** Whether it is ours to make kinds known to. */
  readonly isOwn: boolean;
  /** Reads a path that is no object. */
  readonly readPath?: (path: string, signal: AbortSignal) => Promise<unknown>;
  /** PEM: who signs the certificate of a kube-apiserver that asks for logs of pods. */
  readonly callers?: string;
  /** Says in the data root where edges are served. */
  record(hosts: readonly string[]): void;
  /** Drops what is in memory only to be quick. */
  readonly forget: () => void;
}

export interface ApiParts {
  readonly stream: Pick<CloudStream, "streams" | "metrics">;
  readonly log: Log;
}

/** Errors: those of the data root and the server. */
export async function openEmbedded(settings: CloudSettings, { stream, log }: ApiParts): Promise<CloudApi> {
  const { root, bindAddress: host, port, advertiseAddress, names } = settings;
  await using opening = new AsyncDisposableStack();
  opening.use(await takeFolder(root));
  const server = opening.use(
    await openApiServer({
      folder: root,
      host,
      port,
      names,
      ...(advertiseAddress === undefined ? {} : { advertise: advertiseAddress }),
      log: (text) => log("warn", text),
      streams: stream.streams,
      metrics: stream.metrics,
    }),
  );
  const { client, informers, url, whenReady } = server;
  opening.use(writeRecord(root, { pid: process.pid, hosts: [url] }));
  const kubeconfig = await keepAdminKubeconfig(root, url, server.authority);
  const closing = opening.move();
  return {
    client,
    informers,
    url,
    kubeconfig,
    whenReady,
    isOwn: true,
    readPath: pathReader(server),
    // The first record's end removes this one too.
    record: (hosts) => void writeRecord(root, { pid: process.pid, hosts: [url, ...hosts] }),
    forget: () => server.forget(),
    [Symbol.asyncDispose]: async () => await closing.disposeAsync(),
  };
}

/** Errors: those of the kubeconfig. */
export async function openRemote({ kubeconfig = "" }: CloudSettings): Promise<CloudApi> {
  const { openRemoteClient } = await import("../../fleet/cloud/remote/open.ts");
  const { readKubeconfig } = await import("../../fleet/cloud/remote/kubeconfig.ts");
  const { ca, server } = await readKubeconfig(kubeconfig);
  const client = await openRemoteClient({ kubeconfig });
  return {
    client,
    url: server.origin,
    kubeconfig,
    whenReady: Promise.resolve(),
    isOwn: false,
    ...(ca === undefined ? {} : { callers: ca }),
    record: () => {},
    forget: () => {},
    [Symbol.asyncDispose]: async () => client[Symbol.dispose](),
  };
}
