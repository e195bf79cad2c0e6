/** A process of its own on another's Place, which does to containers all that can be done, until it is killed: `worker.ts FOLDER SEED`. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createContainer } from "../../src/engine/containers/create.ts";
import { createExec, startExec } from "../../src/engine/containers/exec.ts";
import { killContainer } from "../../src/engine/containers/kill.ts";
import { pauseContainer, unpauseContainer } from "../../src/engine/containers/pause.ts";
import { removeContainer } from "../../src/engine/containers/remove.ts";
import { startContainer } from "../../src/engine/containers/start.ts";
import { stopContainer } from "../../src/engine/containers/stop.ts";
import { waitContainer } from "../../src/engine/containers/wait.ts";
import { createOf } from "../containers/request.ts";
import { hear, liveAt } from "./place.ts";

const [folder = "", seed = ""] = process.argv.slice(2);
const live = liveAt(folder);
await live.tasks.restore({ supervise: true });
writeFileSync(join(folder, `begun-${seed}`), "");

/** Each ends where the next begins: one that lasts, one that ends, one that goes with its end. */
async function round(number: number): Promise<void> {
  const lasting = await createContainer(
    live,
    createOf({ name: `l-${seed}-${number}`, command: ["sleep", "600"] }),
  );
  await startContainer(live, lasting.id);
  const exec = await createExec(live, lasting.id, { Cmd: ["echo", "heard"], AttachStdout: true });
  await hear(await startExec(live, exec, { detach: false }));
  const short = await createContainer(
    live,
    createOf({ command: ["sh", "-c", "exit 7"], remove: number % 2 === 0 }),
  );
  const ended = waitContainer(live, short.id, "next-exit");
  await startContainer(live, short.id);
  await ended;
  if (number % 3 === 0) return;
  await pauseContainer(live, lasting.id);
  await unpauseContainer(live, lasting.id);
  if (number % 3 === 1) await stopContainer(live, lasting.id, { timeout: 0 });
  else await killContainer(live, lasting.id);
  await removeContainer(live, lasting.id, { force: true });
}

await Promise.all(
  [0, 1].map(async (side) => {
    for (let number = side; ; number += 2) await round(number);
  }),
);
