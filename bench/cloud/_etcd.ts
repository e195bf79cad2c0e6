/** Debian's etcd by its JSON gateway: what a kube-apiserver stands on, and so the least that one takes. */
import { join } from "node:path";
import { freePort } from "./_port.ts";

export class Etcd implements AsyncDisposable {
  readonly #process: Bun.Subprocess;
  readonly url: string;

  private constructor(process: Bun.Subprocess, url: string) {
    this.#process = process;
    this.url = url;
  }

  static async start(folder: string): Promise<Etcd> {
    const url = `http://127.0.0.1:${freePort()}`;
    const peer = `http://127.0.0.1:${freePort()}`;
    const flags = {
      "data-dir": join(folder, "etcd"),
      "listen-client-urls": url,
      "advertise-client-urls": url,
      "listen-peer-urls": peer,
      "initial-advertise-peer-urls": peer,
      "initial-cluster": `default=${peer}`,
      "log-level": "error",
    };
    const process = Bun.spawn(
      ["etcd", ...Object.entries(flags).map(([name, value]) => `--${name}=${value}`)],
      {
        stdin: "ignore",
        stdout: "ignore",
        stderr: "ignore",
      },
    );
    const etcd = new Etcd(process, url);
    try {
      await etcd.#ready();
      return etcd;
    } catch (error) {
      await etcd[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #ready(): Promise<void> {
    for (const end = performance.now() + 20_000; ; await Bun.sleep(50)) {
      try {
        return await this.put("ready", "yes");
      } catch (error) {
        if (performance.now() > end) throw new Error("etcd does not answer within 20 s", { cause: error });
      }
    }
  }

  get pid(): number {
    return this.#process.pid;
  }

  async put(key: string, value: string): Promise<void> {
    const base64 = (text: string) => Buffer.from(text).toString("base64");
    const response = await fetch(`${this.url}/v3/kv/put`, {
      method: "POST",
      body: JSON.stringify({ key: base64(key), value: base64(value) }),
    });
    await response.text();
    if (!response.ok) throw new Error(`etcd answers ${response.status}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGTERM");
    await this.#process.exited;
  }
}
