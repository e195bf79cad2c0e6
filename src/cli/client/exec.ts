/** Calls about programs that are started in a running container. */
import type { DaemonClient } from "./daemon.ts";
import type { Http } from "./http/http.ts";

type ExecCalls = Pick<
  DaemonClient,
  "createExec" | "startExec" | "startExecDetached" | "resizeExec" | "inspectExec"
>;

export function execCalls(http: Http): ExecCalls {
  return {
    async createExec(container, body) {
      const path = `/containers/${encodeURIComponent(container)}/exec`;
      return (await http.json<{ Id: string }>("POST", path, { json: body })).Id;
    },
    startExec: (exec, { tty, size, signal }) =>
      http.hijack(`/exec/${exec}/start`, {
        body: { Detach: false, Tty: tty, ...(size ? { ConsoleSize: size } : {}) },
        ...(signal ? { signal } : {}),
      }),
    startExecDetached: (exec, { tty }) =>
      http.order("POST", `/exec/${exec}/start`, { json: { Detach: true, Tty: tty } }),
    resizeExec: (exec, { rows, columns }) =>
      http.order("POST", `/exec/${exec}/resize`, { query: { h: rows, w: columns } }),
    inspectExec: (exec) => http.json("GET", `/exec/${exec}/json`),
  };
}
