/** sampan runtime resume ID */
import { resume } from "../../runtime/native/resume.ts";
import { onlyId } from "./_words.ts";
import { parseFlags } from "./flags.ts";
import type { Command } from "./main.ts";

export const flags = {} as const;

export const command: Command = async ({ runtime, args }) => {
  await resume(runtime, onlyId("resume", parseFlags(flags, args).words));
  return 0;
};
