/** `delete`: containerd has lost a container's shim, and wants everything of it gone. */
import { unmountRoot } from "../../runtime/native/rootfs.ts";
import { openMonitors } from "../../runtime/monitor/open.ts";
import type { Deleted } from "./deleted.ts";
import { removeDeserted } from "../../runtime/keeper/begin.ts";
import { forgetTask, places, readTask, textIn } from "./bundle.ts";
import { openCalls } from "./calls.ts";
import { pathOf } from "./socket.ts";
import { runtimeIn } from "./task.ts";

/** How long the end of what was just killed may take to be written, in milliseconds. */
const patience = 5000;

/** How its first process had ended, or that it was killed now. What is not there is no error. */
export async function deleteTask(
  { id, bundle }: { readonly id: string; readonly bundle: string },
  warn: (text: string) => void,
): Promise<Deleted> {
  const record = readTask(bundle);
  const socket = pathOf(textIn(places.address(bundle)) ?? "");
  if (socket.startsWith("/") && removeDeserted(socket)) openCalls(socket).remove();
  const folder = places.monitor(bundle);
  const monitors = openMonitors();
  // Before it is killed: what it says of its end afterwards comes over this.
  const connection = await monitors.connect(folder).catch(() => undefined);
  await runtimeIn(bundle, { warn: (_, text) => warn(text) }).delete(id, { force: true });
  const late = new Promise<undefined>((resolve) => {
    setTimeout(() => resolve(undefined), patience).unref();
  });
  const exit =
    (await Promise.race([connection?.exited.catch(() => undefined), late])) ?? monitors.exit(folder);
  await connection?.[Symbol.asyncDispose]();
  unmountRoot(places.rootfs(bundle));
  forgetTask(bundle);
  return { pid: record?.pid ?? 0, exit: exit ?? { code: 137, signal: 9, at: Date.now() } };
}
