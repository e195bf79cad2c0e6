/** A network namespace of the test's own, held open by a process in it: the host's devices are never touched. */
export class Network implements Disposable {
  readonly #holder = Bun.spawn(["unshare", "--net", "sh", "-c", "echo; exec sleep infinity"], {
    stdout: "pipe",
  });

  /** Once the namespace is there. */
  static async make(): Promise<Network> {
    const network = new Network();
    await network.#holder.stdout.getReader().read();
    return network;
  }

  get path(): string {
    return `/proc/${this.#holder.pid}/ns/net`;
  }

  /** Put before a command, it runs there. */
  get through(): string[] {
    return ["nsenter", `--net=${this.path}`];
  }

  /** `ip`, which must end well; gives standard output. */
  ip(command: string): string {
    const done = Bun.spawnSync([...this.through, "ip", ...command.split(" ")]);
    if (done.exitCode !== 0) throw new Error(`ip ${command}: ${done.stderr.toString()}`);
    return done.stdout.toString();
  }

  /** A device that can be moved: one end of a pair, whose other end stays, set up, under the name with a "-" in front. */
  add(name: string): void {
    this.ip(`link add ${name} type veth peer name -${name}`);
    this.ip(`link set dev -${name} up`);
  }

  /** Names of the devices. */
  devices(): string[] {
    return [...this.ip("-o link").matchAll(/^\d+: ([^:@]+)/gm)].map((match) => match[1] ?? "");
  }

  [Symbol.dispose](): void {
    this.#holder.kill(9);
  }
}
