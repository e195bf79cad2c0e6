/** Follows configmaps as a client of Kubernetes' own library does; each event is a line. Run by Node: under Bun its HTTP client shows no certificate. */
import { CoreV1Api, KubeConfig, makeInformer } from "@kubernetes/client-node";

const config = new KubeConfig();
config.loadFromFile(process.argv[2] ?? "");
const api = config.makeApiClient(CoreV1Api);
const say = (...words: readonly unknown[]) => console.log(words.join(" "));

const informer = makeInformer(config, "/api/v1/namespaces/default/configmaps", () =>
  api.listNamespacedConfigMap({ namespace: "default" }),
);
for (const event of ["add", "update", "delete"] as const)
  informer.on(event, ({ metadata, data }) => say(event, metadata?.name, JSON.stringify(data ?? {})));
informer.on("connect", () => say("connect"));
informer.on("error", () => {
  say("error");
  // It ends with an error, and is started again by whoever uses it.
  setTimeout(() => void start(), 100);
});
process.stdin.on("end", () => process.exit(0)).resume();

async function start(): Promise<void> {
  try {
    await informer.start();
  } catch {
    setTimeout(() => void start(), 100);
  }
}

await start();
