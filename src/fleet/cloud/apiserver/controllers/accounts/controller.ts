/** What every namespace has: its default service account, and the certificate by which its pods know the API. */
import type { KubeObject } from "../../../../../spec/kubernetes/kube.ts";
import { unlessGone, unlessPresent, type ControllerFactory } from "../controller.ts";
import { kinds } from "../kinds.ts";
import { isDeleting, keyOf, splitKey } from "../references.ts";

const account = "default";
export const rootCertificateMap = "kube-root-ca.crt";
const description =
  "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.";

/** The namespaces that are there from the beginning. */
const systemNamespaces = ["default", "kube-system", "kube-public", "kube-node-lease"] as const;

/** `rootCertificate` is PEM; without it there is no config map. */
export function accountsController(rootCertificate?: string): ControllerFactory {
  return ({ client, informers }, enqueue) => {
    const namespaces = informers.of(kinds.namespaces);
    const accounts = informers.of(kinds.serviceAccounts);
    const maps = informers.of(kinds.configMaps);
    namespaces.onChange((now) => {
      if (now) enqueue(keyOf(now));
    });
    accounts.onChange((now, before) => {
      if (!now && before?.metadata.name === account) enqueue(`/${before.metadata.namespace ?? ""}`);
    });
    maps.onChange((now, before) => {
      const map = now ?? before;
      if (map?.metadata.name === rootCertificateMap) enqueue(`/${map.metadata.namespace ?? ""}`);
    });
    for (const name of systemNamespaces) enqueue(`/${name}`);

    async function certify(namespace: string, certificate: string, signal: AbortSignal): Promise<void> {
      const present = maps.store.get(namespace, rootCertificateMap);
      const data = { "ca.crt": certificate };
      const said = present?.["data"] as Readonly<Record<string, string>> | undefined;
      if (said?.["ca.crt"] === certificate) return;
      if (present) {
        const key = { namespace, name: rootCertificateMap };
        const options = { type: "application/merge-patch+json", signal } as const;
        await unlessGone(client.patch(kinds.configMaps, key, { data }, options));
        return;
      }
      const metadata = {
        namespace,
        name: rootCertificateMap,
        annotations: { "kubernetes.io/description": description },
      };
      const map: KubeObject = { apiVersion: "v1", kind: "ConfigMap", metadata, data };
      await unlessPresent(client.create(kinds.configMaps, map, { signal }));
    }

    return {
      name: "accounts",
      informers: [namespaces, accounts, maps],
      async reconcile(key, signal) {
        const { name } = splitKey(key);
        const namespace = namespaces.store.get("", name);
        if (!namespace && systemNamespaces.some((one) => one === name)) {
          const made: KubeObject = { apiVersion: "v1", kind: "Namespace", metadata: { name } };
          await unlessPresent(client.create(kinds.namespaces, made, { signal }));
        } else if (!namespace || isDeleting(namespace)) return undefined;
        if (!accounts.store.get(name, account)) {
          const made: KubeObject = {
            apiVersion: "v1",
            kind: "ServiceAccount",
            metadata: { namespace: name, name: account },
          };
          await unlessPresent(client.create(kinds.serviceAccounts, made, { signal }));
        }
        if (rootCertificate !== undefined) await certify(name, rootCertificate, signal);
        return undefined;
      },
    };
  };
}
