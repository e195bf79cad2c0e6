/** sampan runtime restore: runc's flags are read, and the answer names what is missing. */
import { SampanError } from "../../base/errors.ts";
import { onlyId } from "./_words.ts";
import { parseFlags } from "./flags.ts";
import type { Command } from "./main.ts";

export const flags = {
  bundle: { kind: "text", short: "b", value: "DIR", help: "folder of the bundle" },
  "console-socket": { kind: "text", value: "PATH", help: "unix socket that gets the terminal's master" },
  "image-path": { kind: "text", value: "DIR", help: "folder of the images" },
  "work-path": { kind: "text", value: "DIR", help: "folder for work files and logs" },
  "tcp-established": { kind: "yes", help: "allow open TCP connections" },
  "ext-unix-sk": { kind: "yes", help: "allow unix sockets with an end outside" },
  "shell-job": { kind: "yes", help: "allow jobs of a shell" },
  "file-locks": { kind: "yes", help: "restore file locks" },
  "manage-cgroups-mode": { kind: "text", value: "MODE", help: "soft, full, strict or ignore" },
  detach: { kind: "yes", short: "d", help: "do not wait for the container" },
  "pid-file": { kind: "text", value: "FILE", help: "write the process id to FILE" },
  "no-subreaper": { kind: "yes", help: "do not reap processes whose parents ended" },
  "no-pivot": { kind: "yes", help: "move the root instead of pivoting" },
  "empty-ns": { kind: "list", value: "NAMESPACE", help: "do not restore what is in the namespace" },
  "auto-dedup": { kind: "yes", help: "remove pages that an earlier image has too" },
  "lazy-pages": { kind: "yes", help: "restore memory when it is used" },
  "lsm-profile": { kind: "text", value: "TYPE:NAME", help: "security profile for the container" },
  "lsm-mount-context": { kind: "text", value: "CONTEXT", help: "security context for the mounts" },
} as const;

export const command: Command = async ({ args }) => {
  const id = onlyId("restore", parseFlags(flags, args).words);
  throw new SampanError(
    "unimplemented",
    `cannot restore container "${id}": restore is not there yet in this version`,
  );
};
