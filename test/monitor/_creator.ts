/** A process like the daemon: makes the container that its arguments name, says so, and waits to be killed. */
import { externalRuntime } from "../../src/runtime/external/runtime.ts";
import { nativeRuntime } from "../../src/runtime/native/runtime.ts";
import type { CreateTask } from "../../src/runtime/runtime.ts";

const [kind, root = "", task = ""] = process.argv.slice(2);
const runtime =
  kind === "native"
    ? nativeRuntime({ root, warn: () => undefined })
    : externalRuntime({ name: kind ?? "", path: kind ?? "", root });
const request = JSON.parse(task) as CreateTask;
console.log("begin");
await runtime.create(request);
console.log("created");
await runtime.start(request.id);
console.log("started");
setInterval(() => undefined, 1000);
