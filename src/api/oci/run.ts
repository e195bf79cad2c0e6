/** sampan runtime run: in the foreground this process becomes the launcher and does not come back. */
import { relayVariable, run } from "../../runtime/native/run.ts";
import { createFlags, createRequest } from "./_create-request.ts";
import { parseFlags } from "./flags.ts";
import type { Command } from "./main.ts";

export const flags = {
  ...createFlags,
  detach: { kind: "yes", short: "d", help: "do not wait for the container" },
  keep: { kind: "yes", help: "do not delete the container when it has ended" },
  "no-subreaper": { kind: "yes", help: "do not reap processes whose parents ended" },
} as const;

export const command: Command = async ({ runtime, args }) => {
  if (process.env[relayVariable] !== undefined) {
    (await import("../../runtime/native/notify.ts")).relayAsked(process.env[relayVariable]);
    return 0;
  }
  const { flags: given, words } = parseFlags(flags, args);
  const request = await createRequest("run", given, words);
  await run(runtime, {
    ...request,
    detach: given.detach,
    keep: given.keep,
    noSubreaper: given["no-subreaper"],
  });
  return 0;
};
