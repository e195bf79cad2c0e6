/** `sampan cloud` and `sampan edge` in the guest, in a network namespace each, with a cable between them that tc-netem(8) makes a bad one. */
import { join } from "node:path";
import { busyboxArchive } from "../../clients/_image.ts";
import type { GuestCommand } from "../command.ts";
import { programFiles, type GuestFile } from "../image.ts";
import { bootVm, type VirtualMachine } from "../machine.ts";
import { guestFolder } from "../place.ts";
import { sampan } from "../runtime-files.ts";
import { daemonFiles, loadDrivers } from "./_daemon.ts";

export const node = "edge1";
export const image = "docker.io/library/busybox:test";
const ends = {
  cloud: { address: "10.99.1.1", hardware: "02:00:00:00:00:01" },
  edge: { address: "10.99.1.2", hardware: "02:00:00:00:00:02" },
} as const;
/** By their paths: busybox's shell would take its own. */
const ip = "/usr/sbin/ip";
const tc = "/usr/sbin/tc";
const drivers = ["sch_netem", "nft_numgen", "nft_reject_inet"] as const;
const client = "/usr/lib/fleet.js";
const cloudRoot = "/var/lib/cloud";

type Side = keyof typeof ends;

/** Seconds for whatever comes by itself: many times what it takes. */
const patience = 100;

async function bundled(): Promise<string> {
  const { outputs } = await Bun.build({ entrypoints: [join(guestFolder, "fleet.ts")], target: "bun" });
  return (await outputs[0]?.text()) ?? "";
}

async function guestFiles(): Promise<GuestFile[]> {
  return [
    ...daemonFiles(drivers),
    ...["ip", "tc"].flatMap((name) => programFiles(Bun.which(name) ?? name, `/usr/sbin/${name}`)),
    { path: client, text: await bundled(), mode: 0o644 },
    { path: "/etc/hosts", text: "127.0.0.1 localhost\n", mode: 0o644 },
    {
      path: "/etc/sampan/edge.toml",
      text: `[pods]\naddress = "${ends.edge.address}"\n`,
      mode: 0o644,
    },
  ];
}

export class Fleet implements AsyncDisposable {
  readonly vm: VirtualMachine;
  /** These print what they log. */
  cloud!: GuestCommand;
  edge!: GuestCommand;
  mapper!: GuestCommand;
  #api!: GuestCommand;
  readonly #started: GuestCommand[] = [];
  #last = 0;

  private constructor(vm: VirtualMachine) {
    this.vm = vm;
  }

  /** A guest with both ends of the cable, and nothing that runs. */
  static async boot(): Promise<Fleet> {
    await using stack = new AsyncDisposableStack();
    const vm = stack.use(await bootVm({ files: await guestFiles(), memoryMiB: 1024 }));
    const fleet = new Fleet(vm);
    await loadDrivers(vm, drivers);
    await fleet.must("mkdir -p /out");
    for (const side of ["cloud", "edge"] as const)
      await fleet.must(`${ip} netns add ${side} && ${ip} -n ${side} link set lo up`);
    await fleet.#lay();
    stack.move();
    return fleet;
  }

  /** The cable. Each end knows the other's hardware address: what is far away is not asked for by ARP, of which three losses in a row are an end. */
  async #lay(): Promise<void> {
    const { cloud, edge } = ends;
    await this.must(
      `${ip} -n cloud link add cable address ${cloud.hardware} type veth peer name cable address ${edge.hardware} netns edge`,
    );
    for (const [side, { address }] of Object.entries(ends))
      await this.must(
        `${ip} -n ${side} addr add ${address}/24 dev cable && ${ip} -n ${side} link set cable up`,
      );
    const knows = async (side: Side, { address, hardware }: (typeof ends)[Side]) =>
      await this.must(`${ip} -n ${side} neigh replace ${address} lladdr ${hardware} dev cable nud permanent`);
    await knows("cloud", edge);
    await knows("edge", cloud);
  }

  /** A line of the guest's shell that ends with 0. */
  async must(script: string): Promise<string> {
    const { exitCode, stdout, stderr } = await this.vm.shell(script);
    if (exitCode !== 0) throw new Error(`${script}: ${exitCode} ${stdout} ${stderr}`);
    return stdout;
  }

  /** What both ends of the cable do to what they send, in the words of netem. */
  async weather(words: string): Promise<void> {
    for (const side of Object.keys(ends))
      await this.must(`${tc} -n ${side} qdisc replace dev cable root netem ${words}`);
  }

  /** Packets that netem let go and dropped since the cable was laid, by end. */
  async packets(): Promise<{ readonly sent: number; readonly dropped: number }[]> {
    return await Promise.all(
      Object.keys(ends).map(async (side) => {
        const text = await this.must(`${tc} -n ${side} -s qdisc show dev cable`);
        const [, sent, dropped] = / (\d+) pkt \(dropped (\d+),/.exec(text) ?? [];
        return { sent: Number(sent), dropped: Number(dropped) };
      }),
    );
  }

  #start(side: Side, command: string): GuestCommand {
    const program = this.vm.start(["sh", "-c", `exec nsenter --net=/run/netns/${side} ${command} 2>&1`]);
    this.#started.push(program);
    return program;
  }

  #helper(side: Side, ...words: readonly string[]): GuestCommand {
    const command = ["nsenter", `--net=/run/netns/${side}`, sampan, client, ...words];
    return this.vm.start(command, { environment: { BUN_BE_BUN: "1" } });
  }

  async startCloud(): Promise<void> {
    const flags = `--data-root ${cloudRoot} --advertise-address ${ends.cloud.address}`;
    this.cloud = this.#start("cloud", `${sampan} cloud ${flags}`);
    await this.cloud.printed(/ info ready /);
    await this.vm.run(["mkfifo", "/run/asked"]);
    this.#api = this.#helper("cloud", "api", `${cloudRoot}/admin.kubeconfig`);
    await this.#api.printed(/^ready$/m);
  }

  /** A node that has joined by token, with an image. */
  async startEdge(): Promise<void> {
    await this.must(
      `nsenter --net=/run/netns/cloud ${sampan} cloud token --data-root ${cloudRoot} >/root/token`,
    );
    const join = `join ${ends.cloud.address} --token-file /root/token --node-name ${node}`;
    await this.until("the node to join", () => this.must(`nsenter --net=/run/netns/edge ${sampan} ${join}`));
    this.edge = this.#start("edge", `${sampan} edge --engine-config /dev/null`);
    await this.edge.printed(/ info ready /);
    await this.vm.write("/busybox.tar", await busyboxArchive(image));
    await this.must(`${sampan} load --input /busybox.tar`);
    this.mapper = this.#helper("edge", "mapper", "/run/sampan/dmi.sock");
  }

  /** A request of the Kubernetes API, from beside the cloud. */
  async send<Answer>(method: string, path: string, body?: unknown): Promise<Answer> {
    const number = ++this.#last;
    await this.vm.shell("cat >/run/asked", { input: `${JSON.stringify([number, method, path, body])}\n` });
    const [, word, encoded = ""] = await this.#api.printed(new RegExp(`^${number} (ok|failed) (.*)\n`, "m"));
    const said = Buffer.from(encoded, "base64").toString();
    if (word === "ok") return JSON.parse(said) as Answer;
    throw new Error(said);
  }

  /** Asks until it gives something; an error is an answer like nothing. */
  async until<Found>(what: string, look: () => Promise<Found | undefined | false>): Promise<Found> {
    let last = "";
    for (const end = performance.now() + patience * 1000; ; await Bun.sleep(200)) {
      try {
        const found = await look();
        if (found !== undefined && found !== false) return found;
      } catch (error) {
        last = `: ${error instanceof Error ? error.message : String(error)}`;
      }
      if (performance.now() > end) break;
    }
    const said = this.#started.map(({ argv, stdout }) => `${argv.join(" ")}:\n${stdout.slice(-2000)}`);
    throw new Error(`waited ${patience} s in vain for ${what}${last}\n${said.join("\n")}`);
  }

  /** What the edge says that it has. */
  get isConnected(): boolean {
    const said = this.edge.stdout;
    return said.lastIndexOf(" connected to cloud ") > said.lastIndexOf(" lost cloud ");
  }

  async isReady(): Promise<boolean> {
    const { status } = await this.send<{ status?: { conditions?: { type: string; status: string }[] } }>(
      "GET",
      `/api/v1/nodes/${node}`,
    );
    return status?.conditions?.find(({ type }) => type === "Ready")?.status === "True";
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.vm[Symbol.asyncDispose]();
  }
}
