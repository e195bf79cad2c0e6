// deadline: 120 s
/** An engine that is killed while plug-ins of CNI work: they go on without it. */
import { afterAll, beforeAll, expect, setDefaultTimeout } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { needing } from "../needs.ts";
import { Place } from "./_place.ts";

const { describe, test } = needing({
  root: true,
  programs: ["ip", "nft", "nsenter", "iptables"],
  files: ["build/launcher", "/usr/lib/cni/bridge"],
});

setDefaultTimeout(60_000);

const published = { bindings: {}, all: [] };

describe("an engine that is killed", () => {
  let place: Place;
  let leases: () => string[];
  const owner = (name: string) => ({
    ...place.owner(name),
    cni: { namespace: "default", name, uid: name },
  });
  const configure = (...more: object[]) => {
    const bridge = {
      type: "bridge",
      bridge: "cni0",
      isGateway: true,
      ipMasq: true,
      ipam: { type: "host-local", dataDir: join(place.folder, "leases"), subnet: "10.88.0.0/24" },
    };
    const network = { cniVersion: "1.0.0", name: "boats", plugins: [bridge, ...more] };
    writeFileSync(join(place.folder, "net.d", "1.conflist"), JSON.stringify(network));
  };

  beforeAll(() => {
    place = new Place();
    for (const name of ["net.d", "plugins"]) mkdirSync(join(place.folder, name));
    const folder = join(place.folder, "leases", "boats");
    leases = () => (existsSync(folder) ? readdirSync(folder).filter((name) => /^[0-9.]+$/.test(name)) : []);
  });
  afterAll(() => place[Symbol.asyncDispose]());

  test("at any moment while pods come and go has everything taken back by the next", async () => {
    configure();
    for (let round = 0; round < 12; round++) {
      const owners = Array.from({ length: 3 }, (_, i) => owner(`kill${round}-${i}`));
      const work = owners.map((each) =>
        place
          .call("open", each, published)
          .then(() => place.call("close", each.id))
          .catch(() => {}),
      );
      await Bun.sleep(round * 15);
      await place.kill();
      await Promise.all(work);
      await place.call("restore", []);
      expect(leases()).toEqual([]);
      expect(await place.call<string[]>("audit", [])).toEqual([]);
      expect(place.run("host", ["iptables", "-t", "nat", "-S"]).output).not.toContain("CNI-");
    }
  });

  test("leaves no plug-in that works on beside the DEL of the next", async () => {
    const pid = join(place.folder, "pid");
    const slow = `#!/bin/sh\n[ $CNI_COMMAND = ADD ] || exit 0\necho $$ > ${pid}.new; mv ${pid}.new ${pid}; sleep 1000\n`;
    writeFileSync(join(place.folder, "plugins", "slow"), slow, { mode: 0o755 });
    configure({ type: "slow" });
    const { id } = owner("slow");
    const opened = place.call("open", owner("slow"), published).catch(() => {});
    while (!existsSync(pid)) await Bun.sleep(5);
    await place.kill();
    await opened;
    const stat = `/proc/${readFileSync(pid, "utf8").trim()}/stat`;
    const isAlive = () => existsSync(stat) && !/\) [ZX] /.test(readFileSync(stat, "utf8"));
    expect(isAlive()).toBe(true);
    expect(leases()).toHaveLength(1);
    configure();
    // It is wanted: so it is opened anew.
    await place.call("restore", [id]);
    const sandbox = await place.call<{ endpoints: { ipv4: string }[] }>("open", owner("slow"), published);
    expect(isAlive()).toBe(false);
    expect(leases().map((each) => `${each}/24`)).toEqual(sandbox.endpoints.map(({ ipv4 }) => ipv4));
    await place.call("close", id);
    expect(leases()).toEqual([]);
  });
});
