/**
 * The same API by TLS, at the names and addresses by which programs in pods know `kubernetes.default.svc`. Their trust is what stands in `ca.crt` beside their token: there this node's own authority
 * stands behind the cloud's. So it works with any cloud, whoever signs there, and without one.
 */
import { X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { SampanError } from "../../../base/errors.ts";
import type { KubeObject } from "../../../spec/kubernetes/kube.ts";
import type { KeyPair } from "../hub/keys.ts";
import { isPair, openKeys } from "../join/keys.ts";
import type { Meta } from "../meta/meta.ts";
import { makeIdentity } from "./_certificate.ts";
import type { MetaServer } from "./open.ts";

export interface SecureApi extends AsyncDisposable {
  /** PEM. */
  readonly authority: string;
  readonly address: string;
  readonly port: number;
}

export interface SecureApiOptions {
  readonly server: Pick<MetaServer, "listenSecurely">;
  readonly meta: Pick<Meta, "get" | "follow">;
  /** Of its keys: 0700. */
  readonly folder: string;
  /** Of this node, where pods reach it. */
  readonly address: string;
  readonly port: number;
  /** `cluster.local` */
  readonly domain: string;
  readonly log: (text: string) => void;
}

/** The Service by which all pods know the API. */
export const apiService = { namespace: "default", type: "service", name: "kubernetes" } as const;
/** What clusters are preset to have there (kubeadm and ours, k3s): so that hearing of it changes nothing. */
const usual = ["10.96.0.1", "10.43.0.1"] as const;

/** Resolves when it listens. Errors: `unavailable` for the port, those of its files. */
export async function openSecureApi(options: SecureApiOptions): Promise<SecureApi> {
  const { server, meta, folder, address, port, domain, log } = options;
  const names = () => [
    ...new Set([
      "localhost",
      ...["", ".default", ".default.svc", `.default.svc.${domain}`].map((tail) => `kubernetes${tail}`),
      address,
      "127.0.0.1",
      ...usual,
      ...clusterAddresses(meta.get(apiService)),
    ]),
  ];
  let identity = await identityOf(folder, names());
  let listening = await server.listenSecurely({ host: address, port, identity });
  const place = listening.port;
  let turn = Promise.resolve();
  let isClosed = false;
  const renew = async (): Promise<void> => {
    if (isClosed || covers(identity, names())) return;
    identity = await identityOf(folder, names());
    await listening[Symbol.asyncDispose]();
    listening = await server.listenSecurely({ host: address, port: place, identity });
  };
  const following = meta.follow([apiService.type], ({ key }) => {
    if (key.namespace !== apiService.namespace || key.name !== apiService.name) return;
    turn = turn
      .then(renew)
      .catch((error: unknown) => log(`the API for pods is not there: ${SampanError.from(error).message}`));
  });
  return {
    get authority() {
      return identity.authority;
    },
    address,
    port: place,
    async [Symbol.asyncDispose]() {
      isClosed = true;
      following[Symbol.dispose]();
      await turn;
      await listening[Symbol.asyncDispose]();
    },
  };
}

function clusterAddresses(service: KubeObject | undefined): string[] {
  const { clusterIP, clusterIPs } = (service?.["spec"] ?? {}) as {
    readonly clusterIP?: unknown;
    readonly clusterIPs?: unknown;
  };
  const all = [clusterIP, ...(Array.isArray(clusterIPs) ? (clusterIPs as unknown[]) : [])];
  return all.filter((each): each is string => typeof each === "string" && isIP(each) !== 0);
}

/** What is there, when it is good for these names; made anew otherwise. */
async function identityOf(folder: string, names: readonly string[]): Promise<KeyPair> {
  const keys = openKeys(folder);
  try {
    const found = keys.current();
    if (isPair(found) && isSigned(found) && covers(found, names)) return found;
  } catch {
    // None yet, or a damaged one.
  }
  const made = await makeIdentity(names);
  keys.replace(made);
  return made;
}

function isSigned({ authority, certificate }: KeyPair): boolean {
  return new X509Certificate(certificate).verify(new X509Certificate(authority).publicKey);
}

function covers({ certificate }: KeyPair, names: readonly string[]): boolean {
  const known = new X509Certificate(certificate);
  return names.every(
    (name) => (isIP(name) === 0 ? known.checkHost(name) : known.checkIP(name)) !== undefined,
  );
}

/** The Service as pods are told of it while the cloud has not said where it is. */
export function ownApiService({ address, port }: Pick<SecureApi, "address" | "port">): KubeObject {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { namespace: apiService.namespace, name: apiService.name },
    spec: { clusterIP: address, ports: [{ name: "https", protocol: "TCP", port }] },
  };
}
