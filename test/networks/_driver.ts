/** Networks in a process of its own, which a test puts into a network namespace: requests as lines of JSON on stdin, answers on stdout. */
import { join } from "node:path";
import { openNetworks } from "../../src/engine/networks/open.ts";
import { openStore } from "../../src/engine/store/open.ts";
import { namespaceDoor } from "../../src/runtime/native/namespaces.ts";

const [root = "", state = "", resolvConf = ""] = process.argv.slice(2);
using store = openStore(root);
const networks = openNetworks({
  store,
  settings: {
    state,
    network: {
      cni: { configs: join(state, "..", "net.d"), plugins: [join(state, "..", "plugins"), "/usr/lib/cni"] },
    },
  },
  door: namespaceDoor(),
  resolver: [process.execPath, `${import.meta.dir}/_resolver.ts`],
  resolvConf,
});

async function answer(line: string): Promise<void> {
  const { id, verb, args } = JSON.parse(line) as { id: number; verb: keyof typeof networks; args: never[] };
  let said: object;
  try {
    const call = networks[verb] as unknown as (...args: never[]) => unknown;
    const started = performance.now();
    const value = await call(...args);
    said = { id, value: value ?? null, ms: performance.now() - started };
  } catch (error) {
    said = { id, code: (error as { code?: string }).code ?? "", message: String((error as Error).message) };
  }
  process.stdout.write(`${JSON.stringify(said)}\n`);
}

for await (const line of console) void answer(line);
