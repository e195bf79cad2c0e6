/** Pods on networks by CNI, with Debian's plug-ins, in a network namespace of the test's own: no rule and no device of the machine is touched. */
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "bun:test";
import { audit } from "../../src/engine/audit/audit.ts";
import { needing } from "../needs.ts";
import { needs, World } from "../pods/_world.ts";
import { must } from "./_place.ts";

const { test } = needing({
  ...needs,
  programs: [...needs.programs, "iptables", "tc"],
  files: [...needs.files, "/usr/lib/cni/bridge", "/usr/lib/cni/portmap"],
});

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
  expect(await audit(net.engine)).toEqual([]);
  await net.engine.pods.stop(id);
  await net.engine.pods.stop(id);
  expect(net.leases()).toEqual([]);
  expect(net.engine.pods.get(id).ips).toEqual([]);
  await net.engine.pods.remove(id);
  expect(await audit(net.engine)).toEqual([]);
});
