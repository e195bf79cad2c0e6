/** From the paths and URIs that containerd gives for a process's standard streams to what the runtime is asked for. */
import { mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { invalid, SampanError } from "../../base/errors.ts";
import type { MonitorRequest, StdioFile } from "../../runtime/runtime.ts";
import type { Streams } from "./bundle.ts";

/** Errors: `invalid_argument`, `unimplemented` naming the scheme. */
export function stdioOf({ terminal, stdin, stdout, stderr }: Streams): MonitorRequest["stdio"] {
  const [input, output, errors] = [stdin, stdout, stderr].map(fileOf);
  return {
    terminal,
    stdin: input ? "open" : "none",
    files: {
      ...(input && { stdin: input }),
      ...(output && { stdout: output }),
      ...(errors && !terminal && { stderr: errors }),
    },
  };
}

function fileOf(text: string): StdioFile | undefined {
  if (text === "") return undefined;
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1];
  if (scheme === undefined || scheme === "fifo") return existing(pathIn(text));
  if (scheme === "file") return made(pathIn(text));
  throw new SampanError(
    "unimplemented",
    `cannot connect a process to "${text}": this shim has no ${scheme}://, but fifo:// and file://`,
  );
}

function pathIn(text: string): string {
  const path = text.includes("://") ? decodeURIComponent(new URL(text).pathname) : text;
  if (path.startsWith("/")) return path;
  throw invalid(`cannot connect a process to "${text}": the path is not absolute`);
}

function existing(path: string): StdioFile {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found) throw new SampanError("not_found", `cannot connect a process to "${path}": it is not there`);
  return { path, fifo: found.isFIFO() };
}

function made(path: string): StdioFile {
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
  return { path, fifo: false };
}
