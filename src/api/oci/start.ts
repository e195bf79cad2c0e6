/** sampan runtime start */
import { start } from "../../runtime/native/start.ts";
import { onlyId } from "./_words.ts";
import { parseFlags } from "./flags.ts";
import type { Command } from "./main.ts";

export const flags = {} as const;

export const command: Command = async ({ runtime, args }) => {
  await start(runtime, onlyId("start", parseFlags(flags, args).words), process.env["NOTIFY_SOCKET"]);
  return 0;
};
