/** sampan runtime delete [--force] ID */
import { deleteContainer } from "../../runtime/native/delete.ts";
import { onlyId } from "./_words.ts";
import { parseFlags } from "./flags.ts";
import type { Command } from "./main.ts";

export const flags = {
  force: {
    kind: "yes",
    short: "f",
    help: "kill the container first if it runs; one that is not there is no error",
  },
} as const;

export const command: Command = async ({ runtime, args }) => {
  const { flags: given, words } = parseFlags(flags, args);
  await deleteContainer(runtime, onlyId("delete", words), given.force);
  return 0;
};
