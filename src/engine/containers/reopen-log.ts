/** Opens a container's log anew: whoever keeps it has moved the file away. */
import { within } from "./deadline.ts";
import { notRunning } from "./kill.ts";
import { logRequest } from "./log-request.ts";
import { isLive, monitorFolder, type LifeParts } from "./parts.ts";

/** Milliseconds that a monitor may take to answer. */
const patience = 5000;

/**
 * Resolves when what the container says from now on goes to the file of that name; nothing is lost or written twice. A container without a log has none to open.
 * Errors: `failed_precondition` when it does not run, when its monitor is older than this verb, or when the file cannot be opened: then it goes on in the one it has.
 */
export async function reopenLog(engine: LifeParts, reference: string): Promise<void> {
  const info = engine.containers.get(reference);
  if (!isLive(info)) throw notRunning("reopen the log of", info);
  if (!logRequest(engine, info)) return;
  await within(patience, `reopen the log of container "${info.name}"`, (signal) =>
    engine.monitors.reopenLog(monitorFolder(engine, info.id), signal),
  );
}
