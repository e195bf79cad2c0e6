/** A shim's log: lines into the FIFO `log` of the bundle that they are about, which containerd reads into its own log. Opened for each line: bundles come and go. */
import { closeSync, constants, openSync, writeSync } from "node:fs";
import { printable } from "../../base/printable.ts";

export type Log = (bundle: string, text: string) => void;

export function openLog(namespace: string): Log {
  return (bundle, text) => {
    const line = `time=${JSON.stringify(new Date().toISOString())} level=warning msg=${JSON.stringify(printable(text))} namespace=${namespace} runtime=io.containerd.sampan.v2\n`;
    try {
      // Nobody reads it: containerd is away.
      const fd = openSync(`${bundle}/log`, constants.O_WRONLY | constants.O_NONBLOCK);
      try {
        writeSync(fd, line);
      } finally {
        closeSync(fd);
      }
    } catch {
      // A shim does not end for its log's sake.
    }
  };
}
