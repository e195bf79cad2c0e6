/** A process that reports to a twin without pause, and says on its output what was accepted: killed at any moment, that much must be there. */
import { openTwins } from "../../../src/fleet/edge/twin/open.ts";
import { fakeEdgeContext } from "../fake-edge-context.ts";
import { device, FakeBus } from "./_world.ts";

const [, , root = "", from = "0"] = process.argv;
const context = fakeEdgeContext({ root, connected: false });
for (const name of ["d1", "d2"])
  context.meta.put({ namespace: "default", type: "device", name }, device(name));
const twins = await openTwins(context, new FakeBus());

async function report(name: string): Promise<void> {
  for (let value = Number(from) + 1; ; value++) {
    const actual = String(value);
    await twins.report({ namespace: "default", name }, [
      { name: "a", actual },
      { name: "b", actual },
    ]);
    process.stdout.write(`${name} ${value}\n`);
  }
}
await Promise.all(["d1", "d2"].map(report));
