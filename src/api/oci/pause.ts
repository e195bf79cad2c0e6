/** sampan runtime pause ID */
import { pause } from "../../runtime/native/pause.ts";
import { onlyId } from "./_words.ts";
import { parseFlags } from "./flags.ts";
import type { Command } from "./main.ts";

export const flags = {} as const;

export const command: Command = async ({ runtime, args }) => {
  await pause(runtime, onlyId("pause", parseFlags(flags, args).words));
  return 0;
};
