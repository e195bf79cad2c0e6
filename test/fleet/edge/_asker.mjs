// Runs in a container, by node: asks the API as any program in a pod does, and writes what it was told, each time it is asked to.
import { existsSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { CoreV1Api, KubeConfig } from "@kubernetes/client-node";

async function told(work) {
  try {
    return await work();
  } catch (error) {
    return { code: error.code, message: String(error.message).slice(0, 2000) };
  }
}

for (;;) {
  if (!existsSync("/out/ask")) {
    await setTimeout(20);
    continue;
  }
  rmSync("/out/ask");
  const config = new KubeConfig();
  config.loadFromCluster();
  const api = config.makeApiClient(CoreV1Api);
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = process.env;
  const map = await told(
    async () => await api.readNamespacedConfigMap({ name: "words", namespace: "default" }),
  );
  const secrets = await told(async () => await api.listNamespacedSecret({ namespace: "default" }));
  config.clusters[0].server = "https://kubernetes.default.svc:443";
  const named = await told(
    async () =>
      await config.makeApiClient(CoreV1Api).readNamespacedConfigMap({ name: "words", namespace: "default" }),
  );
  config.users[0].token = "forged";
  config.users[0].authProvider = undefined;
  const forged = await told(
    async () =>
      await config.makeApiClient(CoreV1Api).readNamespacedConfigMap({ name: "words", namespace: "default" }),
  );
  writeFileSync("/out/told.new", JSON.stringify({ host, port, map, named, secrets, forged }));
  renameSync("/out/told.new", "/out/told");
}
