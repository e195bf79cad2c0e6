/** sampan runtime checkpoint: runc's flags are read, and the answer names what is missing. */
import { SampanError } from "../../base/errors.ts";
import { onlyId } from "./_words.ts";
import { parseFlags } from "./flags.ts";
import type { Command } from "./main.ts";

export const flags = {
  "image-path": { kind: "text", value: "DIR", help: "folder for the images" },
  "work-path": { kind: "text", value: "DIR", help: "folder for work files and logs" },
  "parent-path": { kind: "text", value: "DIR", help: "folder of the images of an earlier pre-dump" },
  "leave-running": { kind: "yes", help: "let the container run on" },
  "tcp-established": { kind: "yes", help: "allow open TCP connections" },
  "tcp-skip-in-flight": { kind: "yes", help: "leave out TCP connections that are being made" },
  "link-remap": { kind: "yes", help: "keep files that were removed while open" },
  "ext-unix-sk": { kind: "yes", help: "allow unix sockets with an end outside" },
  "shell-job": { kind: "yes", help: "allow jobs of a shell" },
  "lazy-pages": { kind: "yes", help: "restore memory when it is used" },
  "status-fd": { kind: "number", value: "FD", help: "descriptor that is told when lazy pages are ready" },
  "page-server": { kind: "text", value: "ADDRESS:PORT", help: "server for the memory pages" },
  "file-locks": { kind: "yes", help: "keep file locks" },
  "pre-dump": { kind: "yes", help: "save memory only and let the container run on" },
  "manage-cgroups-mode": { kind: "text", value: "MODE", help: "soft, full, strict or ignore" },
  "empty-ns": { kind: "list", value: "NAMESPACE", help: "do not save what is in the namespace" },
  "auto-dedup": { kind: "yes", help: "remove pages that an earlier image has too" },
} as const;

export const command: Command = async ({ args }) => {
  const id = onlyId("checkpoint", parseFlags(flags, args).words);
  throw new SampanError(
    "unimplemented",
    `cannot checkpoint container "${id}": checkpoint is not there yet in this version`,
  );
};
