/** sampan runtime create */
import { create } from "../../runtime/native/create.ts";
import { createFlags, createRequest } from "./_create-request.ts";
import { parseFlags } from "./flags.ts";
import type { Command } from "./main.ts";

export const flags = createFlags;

export const command: Command = async ({ runtime, args }) => {
  const { flags: given, words } = parseFlags(createFlags, args);
  await create(runtime, await createRequest("create", given, words));
  return 0;
};
