/** Pods on networks by CNI, with Debian's plug-ins, in a network namespace of the test's own: no rule and no device of the machine is touched. */
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "bun:test";
import { SampanError } from "../../src/base/errors.ts";
import { audit } from "../../src/engine/audit/audit.ts";
import { needing } from "../needs.ts";
import { needs, World } from "../pods/_world.ts";
import { must } from "./_place.ts";

const wanted = {
  ...needs,
  programs: [...needs.programs, "iptables", "tc"],
  files: [...needs.files, "/usr/lib/cni/bridge", "/usr/lib/cni/portmap"],
};
const { test } = needing(wanted);
const { test: withIfb } = withDevices("ifb", "probe2 type ifb");
const { test: withMacvlan } = withDevices("macvlan", "link probe0 name probe2 type macvlan");

const bridge = (folder: string, more: object = {}) => ({
  type: "bridge",
  bridge: "cni0",
  isGateway: true,
  ipMasq: true,
  ipam: {
    type: "host-local",
    dataDir: join(folder, "leases"),
    ranges: [[{ subnet: "10.88.0.0/24" }], [{ subnet: "fd88::/64" }]],
    routes: [{ dst: "0.0.0.0/0" }, { dst: "::/0" }],
  },
  ...more,
});
const portmap = { type: "portmap", capabilities: { portMappings: true }, snat: true };

/** Where the kernel has no such devices the test is skipped, and says which. */
function withDevices(kind: string, add: string) {
  const probe = `ip link add probe0 type veth peer name probe1 && ip link add ${add}`;
  const has = process.getuid?.() === 0 && Bun.spawnSync(["unshare", "-n", "sh", "-c", probe]).exitCode === 0;
  return needing({ ...wanted, files: [...wanted.files, ...(has ? [] : [`/sys/module/${kind}`])] });
}

class Net implements AsyncDisposable {
  readonly world: World;
  constructor(world: World) {
    this.world = world;
  }

  static async open(plugins: (folder: string) => readonly object[], more: object = {}): Promise<Net> {
    const net = new Net(
      await World.open(
        (folder) =>
          `[network.cni]\nconfig_dir = "${join(folder, "net.d")}"\nplugin_dirs = ["${join(folder, "plugins")}", "/usr/lib/cni"]\n`,
      ),
    );
    net.configure({ cniVersion: "1.0.0", name: "boats", plugins: plugins(net.folder), ...more });
    return net;
  }

  get folder(): string {
    return this.world.folder;
  }

  get engine() {
    return this.world.engine;
  }

  configure(network: object, name = "10-boats.conflist"): void {
    mkdirSync(join(this.folder, "net.d"), { recursive: true });
    writeFileSync(join(this.folder, "net.d", name), JSON.stringify(network));
  }

  /** Addresses that host-local has given out. */
  leases(): string[] {
    const folder = join(this.folder, "leases", "boats");
    return existsSync(folder) ? readdirSync(folder).filter((name) => /^[0-9a-f.:]+$/.test(name)) : [];
  }

  /** What an audit says of networks; cgroups of other tests are none of ours. */
  async faults() {
    const found = await audit(this.engine);
    return found.filter(({ kind }) => kind === "network");
  }

  inside(id: string, ...command: string[]): string {
    return must(["nsenter", `--net=${this.engine.networks.sandbox(id)?.path}`, ...command]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.world[Symbol.asyncDispose]();
  }
}

test("a pod gets its addresses from the plug-ins, speaks over them, and gives them back", async () => {
  await using net = await Net.open((folder) => [bridge(folder), portmap]);
  const { id, ips, state } = await net.world.pod({ network: "cni" });
  expect([state, ips]).toEqual(["ready", ["10.88.0.2", "fd88::2"]]);
  expect(net.leases().toSorted()).toEqual(["10.88.0.2", "fd88::2"]);
  expect(net.inside(id, "ip", "-o", "addr", "show", "dev", "eth0")).toContain("10.88.0.2/24");
  expect(await net.world.run(id, "ping -c 1 -W 5 10.88.0.1 && cat /etc/hosts")).toMatch(
    /1 packets received[\s\S]*10\.88\.0\.2\s+web/,
  );
  const traffic = await net.engine.networks.traffic(id);
  expect(Object.keys(traffic)).toEqual(["eth0"]);
  expect(traffic["eth0"]?.txPackets).toBeGreaterThan(0);
  expect(await net.faults()).toEqual([]);
  await net.engine.pods.stop(id);
  await net.engine.pods.stop(id);
  expect(net.leases()).toEqual([]);
  expect(net.engine.pods.get(id).ips).toEqual([]);
  await net.engine.pods.remove(id);
  expect(await net.faults()).toEqual([]);
});

async function fault(call: Promise<unknown>): Promise<SampanError> {
  try {
    await call;
  } catch (error) {
    return SampanError.from(error);
  }
  throw new Error("it was not refused");
}

test("a pod with a user namespace of its own is on the same network", async () => {
  await using net = await Net.open((folder) => [bridge(folder), portmap]);
  const ranges = [{ containerID: 0, hostID: 1_000_000, size: 65_536 }];
  const { id, ips } = await net.world.pod({ network: "cni", userns: { uids: ranges, gids: ranges } });
  expect(ips).toEqual(["10.88.0.2", "fd88::2"]);
  expect(await net.world.run(id, "ping -c 1 -W 5 10.88.0.1; ip -o addr")).toMatch(
    /1 packets received[\s\S]*10\.88\.0\.2\/24/,
  );
  await net.engine.pods.stop(id);
  expect(net.leases()).toEqual([]);
});

/** What is there of the host's rules for a pod's ports. */
const rules = () =>
  must(["iptables", "-t", "nat", "-S"])
    .split("\n")
    .filter((line) => line.includes("8088"));
const heard = (address: string, port: number) => must(["busybox", "nc", "-w", "10", address, String(port)]);

test("a port of the host leads to the pod where a plug-in maps it, until the pod stops", async () => {
  await using net = await Net.open((folder) => [bridge(folder), portmap]);
  const ports = { "80/tcp": [{ HostPort: "8088" }, { HostIp: "10.88.0.1", HostPort: "8089" }] };
  const { id, sandbox } = await net.world.pod({ network: "cni", ports });
  expect(sandbox?.ports).toEqual({
    "80/tcp": [
      { HostIp: "0.0.0.0", HostPort: "8088" },
      { HostIp: "10.88.0.1", HostPort: "8089" },
    ],
  });
  const script = "touch /dev/shm/up; while nc -l -p 80 -e echo heard; do :; done";
  await net.world.start(id, [script]);
  await net.world.run(id, "until [ -e /dev/shm/up ]; do sleep 0.01; done");
  const answers = async (address: string, port: number) => {
    // Between two listeners of the busybox nobody listens.
    for (;;) {
      try {
        return heard(address, port);
      } catch {
        await Bun.sleep(5);
      }
    }
  };
  expect(await answers("127.0.0.1", 8088)).toBe("heard\n");
  expect(await answers("10.88.0.1", 8089)).toBe("heard\n");
  expect(rules()).not.toEqual([]);
  await net.engine.pods.stop(id);
  expect(rules()).toEqual([]);
});

withIfb(
  "bandwidth, addresses, a hardware address and servers for names reach the plug-ins that declare them",
  async () => {
    await using net = await Net.open((folder) => [
      bridge(folder, {
        ipam: { type: "static" },
        capabilities: { ips: true },
        dns: { nameservers: ["10.88.0.53"], search: ["boats.local"], options: ["ndots:3"] },
      }),
      { type: "tuning", capabilities: { mac: true } },
      { type: "bandwidth", capabilities: { bandwidth: true } },
    ]);
    const annotations = {
      "org.sampan.cni.ips": "10.88.0.77/24,fd88::77/64",
      "org.sampan.cni.mac": "02:42:0a:58:00:4d",
      "kubernetes.io/ingress-bandwidth": "8M",
      "kubernetes.io/egress-bandwidth": "16M",
    };
    const { id, ips, sandbox } = await net.world.pod({ network: "cni", annotations });
    expect([ips, sandbox?.endpoints[0]?.mac]).toEqual([["10.88.0.77", "fd88::77"], "02:42:0a:58:00:4d"]);
    const limits = must(["tc", "qdisc"]);
    expect(limits).toContain("rate 8Mbit");
    expect(limits).toContain("rate 16Mbit");
    const resolv = "nameserver 10.88.0.53\nsearch boats.local\noptions ndots:3\n";
    expect(await net.world.run(id, "cat /etc/resolv.conf")).toBe(resolv);
    const dns = { servers: ["192.0.2.53"], searches: [], options: [] };
    const other = await net.world.pod({
      network: "cni",
      uid: "u2",
      annotations: { "org.sampan.cni.ips": "10.88.0.78/24" },
      dns,
    });
    expect(await net.world.run(other.id, "cat /etc/resolv.conf")).toStartWith("nameserver 192.0.2.53\n");
  },
);

test("an ADD that fails in the middle of a chain leaves nothing of the pod", async () => {
  await using net = await Net.open((folder) => [bridge(folder), { type: "refuses" }]);
  mkdirSync(join(net.folder, "plugins"));
  const script = `#!/bin/sh\n[ $CNI_COMMAND = ADD ] || exit 0\necho '{"code":11,"msg":"no room","details":"on the boat"}'; exit 1\n`;
  writeFileSync(join(net.folder, "plugins", "refuses"), script, { mode: 0o755 });
  const words =
    'cannot make the sandbox of pod "default/web": cannot add pod "default/web" to network "boats": plug-in "refuses" says to ADD: no room: on the boat (code 11)';
  expect(await fault(net.world.pod({ network: "cni" }))).toMatchObject({
    code: "unavailable",
    message: words,
  });
  expect(net.leases()).toEqual([]);
  expect(net.engine.pods.list()).toEqual([]);
  expect(await net.faults()).toEqual([]);
});

test("an engine that comes later knows the pod's network, and takes it away as it was made", async () => {
  // Portmap 1.1.1 looks for the rules of IPv4 among those of IPv6 when it is asked to CHECK.
  await using net = await Net.open((folder) => [bridge(folder), portmap], { disableCheck: true });
  const { id } = await net.world.pod({ network: "cni", ports: { "80/tcp": [{ HostPort: "8088" }] } });
  await net.world.again();
  expect(net.engine.pods.get(id)).toMatchObject({ state: "ready", ips: ["10.88.0.2", "fd88::2"] });
  expect(await net.faults()).toEqual([]);
  net.configure({ cniVersion: "1.0.0", name: "other", plugins: [{ type: "ptp" }] });
  await net.engine.pods.stop(id);
  expect([net.leases(), rules()]).toEqual([[], []]);
});

test("after a start of the machine pods are made anew, and have given back what they had", async () => {
  await using net = await Net.open((folder) => [bridge(folder)]);
  const names = Array.from({ length: 10 }, (_, number) => `web${number}`);
  const pods = await Promise.all(names.map((name) => net.world.pod({ network: "cni", name })));
  const addresses = () => net.engine.pods.list().flatMap(({ ips }) => ips);
  expect(net.leases().toSorted()).toEqual(addresses().toSorted());
  await net.world.again(() => net.world.cutPower());
  const states = net.engine.pods.list().map(({ id, state }) => `${id} ${state}`);
  expect(states.toSorted()).toEqual(pods.map(({ id }) => `${id} ready`).toSorted());
  expect(new Set(addresses()).size).toBe(20);
  expect(net.leases().toSorted()).toEqual(addresses().toSorted());
  expect(await net.faults()).toEqual([]);
});

test("a namespace that is gone keeps no pod from being stopped", async () => {
  await using net = await Net.open((folder) => [bridge(folder), portmap]);
  const { id, sandbox } = await net.world.pod({ network: "cni" });
  must(["umount", "-l", String(sandbox?.path)]);
  expect(net.engine.pods.get(id).state).toBe("not_ready");
  await net.engine.pods.stop(id);
  expect(net.leases()).toEqual([]);
});

test("a DEL that fails is an error of the stop, and the next stop tries again", async () => {
  await using net = await Net.open((folder) => [bridge(folder), { type: "stuck" }]);
  mkdirSync(join(net.folder, "plugins"));
  const flag = join(net.folder, "free");
  const script = `#!/bin/sh\n[ $CNI_COMMAND = ADD ] && { sed 's/.*"prevResult"://;s/}$//'; exit 0; }\n[ -e ${flag} ] || { echo stuck >&2; exit 1; }\n`;
  writeFileSync(join(net.folder, "plugins", "stuck"), script, { mode: 0o755 });
  const { id } = await net.world.pod({ network: "cni" });
  expect((await fault(net.engine.pods.stop(id))).message).toContain('plug-in "stuck" says to DEL: stuck');
  expect(net.leases()).toHaveLength(2);
  await net.world.again();
  expect(net.world.warnings.join()).toContain('plug-in "stuck" says to DEL: stuck');
  writeFileSync(flag, "");
  await net.engine.pods.stop(id);
  expect(net.leases()).toEqual([]);
  await net.engine.pods.remove(id);
  expect(await net.faults()).toEqual([]);
});

test("an audit asks the plug-ins whether all is there", async () => {
  await using net = await Net.open((folder) => [bridge(folder)]);
  const { id } = await net.world.pod({ network: "cni" });
  net.inside(id, "ip", "addr", "flush", "dev", "eth0");
  const found = await net.faults();
  expect(found).toMatchObject([{ kind: "network", problem: "missing" }]);
  expect(found[0]?.name).toContain('plug-in "bridge" says to CHECK');
});

test("networks of older versions", async () => {
  await using net = await Net.open((folder) => [bridge(folder), portmap]);
  for (const [number, cniVersion] of ["0.3.0", "0.3.1", "0.4.0"].entries()) {
    net.configure({ cniVersion, name: "boats", plugins: [bridge(net.folder), portmap] });
    const { id, ips } = await net.world.pod({ network: "cni" });
    expect(ips).toEqual([`10.88.0.${number + 2}`, `fd88::${number + 2}`]);
    expect(await net.engine.networks.cni.status()).toMatchObject({ ready: true });
    expect(await net.faults()).toEqual([]);
    await net.engine.pods.remove(id);
  }
});

const chains = { ptp: { ipMasq: true }, macvlan: { master: "wan0" } } as const;

async function tryNetworkOf(type: keyof typeof chains): Promise<void> {
  await using net = await Net.open(
    (folder) => [
      {
        type,
        ...chains[type],
        ipam: { type: "host-local", dataDir: join(folder, "leases"), subnet: "10.88.0.0/24" },
      },
    ],
    { cniVersions: ["0.4.0", "1.0.0", "1.1.0"] },
  );
  must(["ip", "link", "add", "wan0", "type", "veth", "peer", "name", "wan1"]);
  const { id, ips } = await net.world.pod({ network: "cni" });
  expect(ips).toEqual(["10.88.0.2"]);
  expect(net.inside(id, "ip", "-o", "addr", "show", "dev", "eth0")).toContain("10.88.0.2/");
  await net.engine.pods.stop(id);
  expect(net.leases()).toEqual([]);
}

test("a network of ptp, in the newest version that it knows", () => tryNetworkOf("ptp"));
withMacvlan("a network of macvlan", () => tryNetworkOf("macvlan"));

test("a pod that asks for what no name or amount is is refused before anything is made", async () => {
  await using net = await Net.open((folder) => [bridge(folder)]);
  const annotations = { "kubernetes.io/ingress-bandwidth": "1M; reboot" };
  expect((await fault(net.world.pod({ network: "cni", annotations }))).message).toContain(
    "wanted bits a second",
  );
  expect((await fault(net.world.pod({ network: "cni", name: "web;IP=10.88.0.9" }))).message).toContain(
    "is none",
  );
  expect([net.leases(), net.engine.pods.list()]).toEqual([[], []]);
});

test("without a configuration there is no network by CNI, and the status says so", async () => {
  await using net = await Net.open(() => []);
  rmSync(join(net.folder, "net.d"), { recursive: true });
  const { cni } = net.engine.networks;
  expect([cni.configured(), (await cni.status()).ready]).toEqual([false, false]);
  expect(await fault(net.world.pod({ network: "cni" }))).toMatchObject({ code: "failed_precondition" });
  expect((await net.world.pod()).ips).toHaveLength(1);
});
