/** Requests to an API server with a client certificate, and how long they take. */
import { X509Certificate } from "node:crypto";
import { Agent, request } from "node:https";
import { parse } from "yaml";

export interface Access {
  readonly server: string;
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

interface Kubeconfig {
  readonly clusters: readonly { readonly cluster: Readonly<Record<string, string>> }[];
  readonly users: readonly { readonly user: Readonly<Record<string, string>> }[];
}

export function accessOf(kubeconfig: string): Access {
  const { clusters, users } = parse(kubeconfig) as Kubeconfig;
  const text = (data = "") => Buffer.from(data, "base64").toString();
  const [cluster, user] = [clusters[0]?.cluster ?? {}, users[0]?.user ?? {}];
  const cert = text(user["client-certificate-data"]);
  // Says at once what is wrong with it.
  void new X509Certificate(cert);
  return {
    server: cluster["server"] ?? "",
    ca: text(cluster["certificate-authority-data"]),
    cert,
    key: text(user["client-key-data"]),
  };
}

export class Client implements Disposable {
  readonly #access: Access;
  readonly #agent: Agent;

  constructor(access: Access, connections = 1) {
    this.#access = access;
    const { ca, cert, key } = access;
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections, ca, cert, key });
  }

  /** The parsed answer. Throws for a status of 400 and more. */
  async send(method: string, path: string, body?: unknown): Promise<unknown> {
    const { status, text } = await this.#exchange(method, path, body);
    if (status >= 400) throw new Error(`${method} ${path}: ${status} ${text.slice(0, 300)}`);
    return JSON.parse(text);
  }

  async #exchange(method: string, path: string, body: unknown): Promise<{ status: number; text: string }> {
    return await new Promise((resolve, reject) => {
      const sent = request(
        new URL(path, this.#access.server),
        { method, agent: this.#agent, headers: { "content-type": "application/json" } },
        (response) => {
          const parts: Buffer[] = [];
          response.on("data", (part: Buffer) => parts.push(part));
          response.on("end", () =>
            resolve({ status: response.statusCode ?? 0, text: Buffer.concat(parts).toString() }),
          );
          response.on("error", reject);
        },
      );
      sent.on("error", reject);
      sent.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  /** Calls `line` for each event of a watch. Resolves with what ends it, once the server has answered. */
  async watch(path: string, line: (text: string) => void, ended = () => {}): Promise<() => void> {
    const { ca, cert, key, server } = this.#access;
    return await new Promise((resolve, reject) => {
      const sent = request(new URL(path, server), { ca, cert, key, agent: false }, (response) => {
        let rest = "";
        response.setEncoding("utf8");
        response.on("data", (part: string) => {
          const lines = (rest + part).split("\n");
          rest = lines.pop() ?? "";
          lines.forEach(line);
        });
        response.on("error", () => undefined);
        response.once("close", ended);
        resolve(() => sent.destroy());
      });
      sent.on("error", reject);
      sent.end();
    });
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}
