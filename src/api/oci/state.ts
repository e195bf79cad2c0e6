/** sampan runtime state: runc's JSON, two spaces. */
import { loadState, statusOf } from "../../runtime/native/state.ts";
import { onlyId } from "./_words.ts";
import { parseFlags } from "./flags.ts";
import { print } from "./log.ts";
import type { Command } from "./main.ts";

export const flags = {} as const;

export const command: Command = async ({ runtime, args }) => {
  const id = onlyId("state", parseFlags(flags, args).words);
  const state = loadState(runtime.root, id);
  const status = await statusOf(runtime.root, state);
  const { annotations, ociVersion } = state.spec;
  const document = {
    ociVersion,
    id,
    pid: status === "stopped" ? 0 : state.init_process_pid,
    status,
    bundle: state.bundle,
    rootfs: state.rootfs,
    created: state.created,
    ...(annotations && { annotations }),
    owner: "",
  };
  print(`${JSON.stringify(document, undefined, 2)}\n`);
  return 0;
};
