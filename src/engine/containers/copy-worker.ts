/** The helper process of docker cp: one task, told in its arguments, on the root that is its descriptor 3. It ends with the engine that started it. */
import { once } from "node:events";
import { SampanError } from "../../base/errors.ts";
import { dieWithParent } from "../../kernel/fs.ts";
import { readInsideOf, statInside, writeInside } from "./copy-inside.ts";
import { rootDescriptor, type CopyFailure, type CopyTask } from "./copy-task.ts";

/** The exit status; when it is not 0, a CopyFailure stands on standard error. */
export async function copyWorker([text = ""]: readonly string[]): Promise<number> {
  dieWithParent();
  process.umask(0);
  process.on("SIGINT", () => {});
  try {
    await run(JSON.parse(text) as CopyTask);
    return 0;
  } catch (error) {
    const { code, message } = SampanError.from(error);
    await say(process.stderr, JSON.stringify({ code, message } satisfies CopyFailure));
    return 1;
  }
}

async function run(task: CopyTask): Promise<void> {
  if (task.verb === "write") return await writeInside(rootDescriptor, task, process.stdin);
  await say(process.stdout, `${JSON.stringify(statInside(rootDescriptor, task.path))}\n`);
  if (task.verb === "read")
    for (const piece of readInsideOf(rootDescriptor, task)) await say(process.stdout, piece);
}

async function say(stream: NodeJS.WriteStream, bytes: Uint8Array | string): Promise<void> {
  if (!stream.write(bytes)) await once(stream, "drain");
}
