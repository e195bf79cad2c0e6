/** Docker's API of a daemon under test, as far as these tests speak it. */

export interface Inspected {
  readonly Id: string;
  readonly Name: string;
  readonly RestartCount: number;
  readonly State: {
    readonly Status: string;
    readonly ExitCode: number;
    readonly Pid: number;
    readonly StartedAt: string;
    readonly FinishedAt: string;
  };
  readonly NetworkSettings: { readonly Networks: Readonly<Record<string, { readonly IPAddress: string }>> };
}

export interface AuditFinding {
  readonly kind: string;
  readonly name: string;
  readonly owner: string;
  readonly problem: string;
}

export interface Api {
  create(name: string, body: object): Promise<string>;
  inspect(reference: string): Promise<Inspected>;
  /** Undefined where there is none. */
  find(reference: string): Promise<Inspected | undefined>;
  post(path: string, body?: object): Promise<unknown>;
  get<T>(path: string): Promise<T>;
  /** Those statuses, too, are no failure. */
  delete(path: string, but?: readonly number[]): Promise<void>;
  /** What it said on its standard output. */
  exec(container: string, command: readonly string[]): Promise<string>;
  logs(container: string): Promise<string>;
  pull(reference: string): Promise<void>;
  /** Without cgroups of containers that were not made here: others work on this host too. */
  audit(repair?: boolean): Promise<readonly AuditFinding[]>;
  /** Ids of containers that were made here, also of those that nobody was told about. */
  readonly made: Set<string>;
}

export function apiOf(socket: string): Api {
  const send = async (method: string, path: string, body?: object): Promise<Response> =>
    fetch(`http://daemon${path}`, {
      method,
      unix: socket,
      keepalive: false,
      ...(body && { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
      signal: AbortSignal.timeout(60_000),
    });
  const ask = async (
    method: string,
    path: string,
    body?: object,
    but: readonly number[] = [],
  ): Promise<Response> => {
    const answer = await send(method, path, body);
    if (!answer.ok && answer.status !== 304 && !but.includes(answer.status))
      throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return answer;
  };
  const get = async <T>(path: string) => (await (await ask("GET", path)).json()) as T;
  const post = async (path: string, body?: object) => {
    const text = await (await ask("POST", path, body)).text();
    return text === "" ? undefined : (JSON.parse(text) as unknown);
  };
  const made = new Set<string>();
  const inspect = (reference: string) => get<Inspected>(`/containers/${reference}/json`);
  return {
    inspect,
    get,
    post,
    create: async (name, body) => {
      const { Id } = (await post(`/containers/create?name=${name}`, body)) as { Id: string };
      made.add(Id);
      return Id;
    },
    find: async (reference) => {
      const answer = await ask("GET", `/containers/${reference}/json`, undefined, [404]);
      return answer.status === 404 ? undefined : ((await answer.json()) as Inspected);
    },
    delete: async (path, but) => void (await (await ask("DELETE", path, undefined, but)).text()),
    exec: async (container, command) => {
      const made = await post(`/containers/${container}/exec`, {
        Cmd: command,
        AttachStdout: true,
        AttachStderr: true,
      });
      const { Id } = made as { Id: string };
      const answer = await ask("POST", `/exec/${Id}/start`, { Detach: false, Tty: false });
      return streamOf(await answer.bytes(), 1);
    },
    logs: async (container) => {
      const answer = await ask("GET", `/containers/${container}/logs?stdout=1&stderr=1`);
      return streamOf(await answer.bytes(), 1);
    },
    pull: async (reference) => {
      const text = await (
        await ask("POST", `/images/create?fromImage=${encodeURIComponent(reference)}`)
      ).text();
      if (text.includes('"error"')) throw new Error(`pull of ${reference}: ${text}`);
    },
    made,
    audit: async (repair = false) => {
      const path = "/sampan/system/audit";
      const found = await (repair ? post(`${path}?repair=1`) : get(path));
      return (found as readonly AuditFinding[]).filter(
        ({ kind, name, owner }) =>
          kind !== "cgroup" || owner !== "" || made.has(name.replace(/^sampan-/, "")),
      );
    },
  };
}

/** One stream out of Docker's frames: stream, three zeros, length, bytes. */
function streamOf(bytes: Uint8Array, wanted: number): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const parts: Uint8Array[] = [];
  for (let at = 0; at + 8 <= bytes.length;) {
    const length = view.getUint32(at + 4);
    if (bytes[at] === wanted) parts.push(bytes.subarray(at + 8, at + 8 + length));
    at += 8 + length;
  }
  return Buffer.concat(parts).toString();
}
