/** A host of the test's own: a network namespace, a data root, networks in a process that can be killed, and another namespace outside. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Endpoint, NetworkInfo, Networks, Sandbox } from "../../src/engine/networks/networks.ts";

export interface Said {
  readonly code: number;
  readonly output: string;
}

export class Refused extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

type Verb = Exclude<keyof Networks, symbol>;

interface Question {
  readonly protocol?: "tcp" | "udp";
  /** The port that it is asked from. */
  readonly from?: number;
}

interface Driver {
  readonly child: Bun.Subprocess<"pipe", "pipe", "inherit">;
  readonly waiting: Map<number, (said: never) => void>;
}

const here = import.meta.dir;

export class Place implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), "sampan-networks-"));
  readonly name = `sn${process.pid}x${Math.floor(Math.random() * 1e6)}`;
  readonly outside = `${this.name}o`;
  readonly state = join(this.folder, "run");
  readonly resolvConf = join(this.folder, "resolv.conf");
  #driver: Driver | undefined;
  #next = 0;
  readonly #services: Bun.Subprocess[] = [];

  constructor() {
    writeFileSync(this.resolvConf, "nameserver 127.0.0.1\n");
    const ip = (...args: string[]) => must(["ip", ...args]);
    for (const name of [this.name, this.outside]) {
      ip("netns", "add", name);
      must(["nsenter", `--net=/run/netns/${name}`, "ip", "link", "set", "lo", "up"]);
    }
    ip("-n", this.name, "link", "add", "wan0", "type", "veth", "peer", "name", "wan0", "netns", this.outside);
    for (const [name, number] of [
      [this.name, 1],
      [this.outside, 2],
    ] as const) {
      ip("-n", name, "addr", "add", `10.99.0.${number}/24`, "dev", "wan0");
      ip("-n", name, "addr", "add", `fd99::${number}/64`, "dev", "wan0", "nodad");
      ip("-n", name, "link", "set", "wan0", "up");
    }
    ip("-n", this.name, "route", "add", "default", "via", "10.99.0.2");
  }

  /** A command in the namespace of the `host`, of what is `outside`, or of a container. */
  run(where: string, command: readonly string[]): Said {
    const child = Bun.spawnSync(this.#in(where, command), { timeout: 20_000 });
    return { code: child.exitCode, output: child.stdout.toString() + child.stderr.toString() };
  }

  #in(where: string, command: readonly string[]): string[] {
    const path =
      where === "host"
        ? `/run/netns/${this.name}`
        : where === "outside"
          ? `/run/netns/${this.outside}`
          : join(this.state, "netns", where);
    return ["nsenter", `--net=${path}`, ...command];
  }

  /** What a service answers that shall answer: it has much more time than it needs. */
  ask(where: string, to: string, question: Question = {}): string {
    return this.#ask(where, to, { ...question, seconds: 10 });
  }

  /** The same where nothing shall come: that is not waited for as long. */
  askInVain(where: string, to: string, question: Question = {}): string {
    return this.#ask(where, to, { ...question, seconds: 1 });
  }

  #ask(
    where: string,
    to: string,
    { protocol = "tcp", from = 0, seconds }: Question & { seconds: number },
  ): string {
    const at = to.lastIndexOf(":");
    const address = to.slice(0, at).replace(/^\[|\]$/g, "");
    return this.run(where, [
      process.execPath,
      `${here}/_ask.ts`,
      protocol,
      address,
      to.slice(at + 1),
      String(from),
      String(seconds),
    ]).output;
  }

  /** The same within some seconds, for several at once. */
  async asked(where: string, to: string, seconds: number): Promise<string> {
    const at = to.lastIndexOf(":");
    const words = ["tcp", to.slice(0, at), to.slice(at + 1), "0", String(seconds)];
    const command = [process.execPath, `${here}/_ask.ts`, ...words];
    const child = Bun.spawn(this.#in(where, command), { stdout: "pipe", stderr: "inherit" });
    const text = await child.stdout.text();
    await child.exited;
    return text;
  }

  /** A service in a container or elsewhere, which runs when this resolves. */
  async serve(where: string, name: string, port = 80): Promise<Bun.Subprocess> {
    const child = Bun.spawn(this.#in(where, [process.execPath, `${here}/_serve.ts`, name, String(port)]), {
      stdout: "pipe",
      stderr: "inherit",
    });
    this.#services.push(child);
    const { value } = await child.stdout.getReader().read();
    if (!value) throw new Error(`the service ${name} did not start`);
    return child;
  }

  spawn(where: string, command: readonly string[]) {
    const child = Bun.spawn(this.#in(where, command), { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
    this.#services.push(child);
    return child;
  }

  #start(): Driver {
    const command = [
      process.execPath,
      `${here}/_driver.ts`,
      join(this.folder, "root"),
      this.state,
      this.resolvConf,
    ];
    const child = Bun.spawn(this.#in("host", command), { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
    const driver: Driver = { child, waiting: new Map() };
    void listen(driver);
    return driver;
  }

  async call<Result>(verb: Verb, ...args: readonly unknown[]): Promise<Result> {
    const driver = (this.#driver ??= this.#start());
    const id = this.#next++;
    const said = new Promise<{ value?: Result; code?: string; message?: string; ms?: number }>((resolve) => {
      driver.waiting.set(id, resolve as never);
    });
    void driver.child.stdin.write(`${JSON.stringify({ id, verb, args })}\n`);
    void driver.child.stdin.flush();
    const { value, code, message, ms } = await said;
    if (message !== undefined) throw new Refused(code ?? "", message);
    this.took = ms ?? 0;
    return value as Result;
  }

  /** Milliseconds of the last call. */
  took = 0;

  /** kill -9 of the engine; the next call starts another. */
  async kill(): Promise<void> {
    const driver = this.#driver;
    this.#driver = undefined;
    driver?.child.kill("SIGKILL");
    await driver?.child.exited;
  }

  owner(name: string) {
    const id = new Bun.CryptoHasher("sha256").update(this.folder + name).digest("hex");
    return { id, name, hostname: `host-${name}` };
  }

  network(request: object): Promise<NetworkInfo> {
    return this.call<NetworkInfo>("create", request);
  }

  /** A container in these networks that runs; its id is what `run` and `ask` take. */
  async container(
    name: string,
    networks: Readonly<Record<string, object>>,
    ports: Readonly<Record<string, readonly object[]>> = {},
  ): Promise<{ id: string; sandbox: Sandbox; ip: string }> {
    const owner = this.owner(name);
    for (const [network, asked] of Object.entries(networks))
      await this.call<Endpoint>("connect", network, owner, asked);
    const sandbox = await this.call<Sandbox>("open", owner, { bindings: ports, all: [] });
    return { id: owner.id, sandbox, ip: sandbox.endpoints[0]?.ipv4?.split("/")[0] ?? "" };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#services) child.kill("SIGKILL");
    await Promise.all(this.#services.map((child) => child.exited));
    // An engine that has opened something trusts it for a while; another one does not.
    await this.kill();
    await this.call("restore", []).catch(() => {});
    await this.kill();
    for (const file of listed(join(this.state, "netns")))
      must(["umount", "-l", join(this.state, "netns", file)]);
    const resolver = Bun.file(join(this.state, "networks", "resolver.state"));
    if (await resolver.exists()) await gone(((await resolver.json()) as { pid: number }).pid);
    for (const name of [this.name, this.outside]) must(["ip", "netns", "del", name]);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function listed(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** The resolver ends by itself when no network needs it. */
async function gone(pid: number): Promise<void> {
  const cmdline = Bun.file(`/proc/${pid}/cmdline`);
  const end = performance.now() + 50_000;
  while ((await cmdline.text().catch(() => "")).includes("_resolver.ts")) {
    if (performance.now() > end) throw new Error("the resolver did not end");
    await Bun.sleep(5);
  }
}

async function listen({ child, waiting }: Driver): Promise<void> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const bytes of child.stdout) {
    text += decoder.decode(bytes, { stream: true });
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n")) {
      const said = JSON.parse(text.slice(0, end)) as { id: number };
      text = text.slice(end + 1);
      waiting.get(said.id)?.(said as never);
      waiting.delete(said.id);
    }
  }
  for (const tell of waiting.values())
    tell({ code: "unavailable", message: "the engine was killed" } as never);
}

export function must(command: readonly string[]): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync([...command], { timeout: 20_000 });
  if (exitCode !== 0) throw new Error(`${command.join(" ")}: ${stderr.toString()}`);
  return stdout.toString();
}

/** What a call is refused with. */
export async function refusal(call: Promise<unknown>): Promise<string> {
  try {
    await call;
  } catch (error) {
    if (error instanceof Refused) return error.message;
    throw error;
  }
  return "it was not refused";
}
