/** The order in which plug-ins are called and what they get, with plug-ins that write down what they were asked; Debian's own are tried in test/networks/cni.root.test.ts. */
import { describe, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SampanError } from "../../../base/errors.ts";
import { openStore } from "../../store/open.ts";
import type { Store } from "../../store/store.ts";
import type { CniAttachments, CniOwner } from "./cni.ts";
import { openCni } from "./open.ts";

interface Asked {
  readonly type: string;
  readonly env: Readonly<Record<string, string>>;
  readonly config: Readonly<Record<string, unknown>>;
}

/** Result of a first plug-in; those that have a previous one give it back. */
const made = '{"cniVersion":"1.0.0","ips":[{"address":"10.5.0.2/16"}]}';

class Place implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), "sampan-cni-"));
  readonly warnings: string[] = [];
  store: Store = openStore(join(this.folder, "root"));
  cni: CniAttachments = this.open();

  constructor(types: readonly string[], network: object = {}) {
    for (const each of ["net.d", "bin", "says", "log"]) mkdirSync(join(this.folder, each));
    for (const type of types) this.plugin(type);
    this.configure({
      cniVersion: "1.0.0",
      name: "boats",
      plugins: types.map((type) => ({ type })),
      ...network,
    });
  }

  open(): CniAttachments {
    return openCni({
      store: this.store,
      settings: { configs: join(this.folder, "net.d"), plugins: [join(this.folder, "bin")] },
      warn: (text) => void this.warnings.push(text),
    });
  }

  /** The next engine on this data root. */
  again(): void {
    this.store[Symbol.dispose]();
    this.store = openStore(join(this.folder, "root"));
    this.cni = this.open();
  }

  configure(network: object): void {
    writeFileSync(join(this.folder, "net.d", "1.conflist"), JSON.stringify(network));
  }

  /** Executes says/<type>-<command> where there is one. */
  plugin(type: string, body?: string): void {
    const { folder } = this;
    // The number of a call is the first folder that it can make.
    const script = `#!/bin/sh
n=0; while ! mkdir ${folder}/log/$n 2>/dev/null; do n=$((n+1)); done; at=${folder}/log/$n
cat > $at/in; cat /proc/$$/environ > $at/env; echo ${type} > $at/type
[ -e ${folder}/says/${type}-$CNI_COMMAND ] && . ${folder}/says/${type}-$CNI_COMMAND
[ $CNI_COMMAND = ADD ] && echo '${made}'
exit 0
`;
    writeFileSync(join(folder, "bin", type), body ?? script, { mode: 0o755 });
  }

  says(type: string, command: string, script: string): void {
    writeFileSync(join(this.folder, "says", `${type}-${command}`), script);
  }

  quiet(type: string, command: string): void {
    rmSync(join(this.folder, "says", `${type}-${command}`));
  }

  /** What was asked since the last look. */
  asked(): Asked[] {
    const log = join(this.folder, "log");
    const asked = readdirSync(log)
      .toSorted((a, b) => Number(a) - Number(b))
      .map((number) => {
        const read = (name: string) => readFileSync(join(log, number, name), "utf8").trim();
        const pairs = read("env")
          .split("\0")
          .filter((line) => line.startsWith("CNI_"))
          .map((line) => line.split(/=(.*)/s).slice(0, 2) as [string, string]);
        return {
          type: read("type"),
          env: Object.fromEntries(pairs),
          config: JSON.parse(read("in")) as Asked["config"],
        };
      });
    rmSync(log, { recursive: true });
    mkdirSync(log);
    return asked;
  }

  calls(): string[] {
    return this.asked().map(({ type, env }) => `${type} ${env["CNI_COMMAND"]}`);
  }

  [Symbol.dispose](): void {
    this.store[Symbol.dispose]();
    rmSync(this.folder, { recursive: true });
  }
}

const owner: CniOwner = {
  id: "c1",
  path: "/run/netns/c1",
  request: { namespace: "default", name: "web", uid: "u1" },
  ports: [],
};

async function refusal(call: Promise<unknown>): Promise<{ code: string; message: string }> {
  try {
    await call;
  } catch (error) {
    return SampanError.from(error);
  }
  throw new Error("it was not refused");
}

describe("plug-ins are called", () => {
  test("in their order with the result before, and in reverse with the last", async () => {
    using place = new Place(["a", "b"]);
    const attachment = await place.cni.attach(owner);
    expect(attachment.addresses).toEqual([{ address: "10.5.0.2/16" }]);
    const [first, second] = place.asked();
    expect(first).toEqual({
      type: "a",
      env: {
        CNI_COMMAND: "ADD",
        CNI_CONTAINERID: "c1",
        CNI_NETNS: "/run/netns/c1",
        CNI_IFNAME: "eth0",
        CNI_PATH: join(place.folder, "bin"),
        CNI_ARGS:
          "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web;K8S_POD_INFRA_CONTAINER_ID=c1;K8S_POD_UID=u1",
      },
      config: { type: "a", cniVersion: "1.0.0", name: "boats" },
    });
    const prevResult = JSON.parse(made) as object;
    expect(second?.config).toEqual({ type: "b", cniVersion: "1.0.0", name: "boats", prevResult });
    await place.cni.check("c1");
    expect(place.calls()).toEqual(["a CHECK", "b CHECK"]);
    await place.cni.detach("c1", undefined);
    await place.cni.detach("c1", undefined);
    const last = place.asked();
    expect(last.map(({ type, env }) => [type, env["CNI_COMMAND"], env["CNI_NETNS"]])).toEqual([
      ["b", "DEL", ""],
      ["a", "DEL", ""],
    ]);
    expect(last.map(({ config }) => config["prevResult"])).toEqual([prevResult, prevResult]);
    expect(place.cni.attachment("c1")).toBeUndefined();
  });

  test("with those capabilities that they declare, and with nothing that only the runtime may set", async () => {
    const plugins = [
      {
        type: "a",
        capabilities: { portMappings: true, bandwidth: false },
        keep: 1,
        "cni.dev/x": 1,
        runtimeConfig: 1,
      },
      { type: "b", capabilities: {}, prevResult: 1 },
    ];
    using place = new Place(["a", "b"], { plugins });
    const annotations = { "kubernetes.io/ingress-bandwidth": "1M" };
    const ports = [{ hostPort: 80, containerPort: 8080, protocol: "tcp" }] as const;
    await place.cni.attach({ ...owner, request: { ...owner.request, annotations }, ports });
    const [a, b] = place.asked();
    expect(a?.config).toEqual({
      type: "a",
      cniVersion: "1.0.0",
      name: "boats",
      keep: 1,
      runtimeConfig: { portMappings: ports },
    });
    expect(Object.keys(b?.config ?? {}).toSorted()).toEqual(["cniVersion", "name", "prevResult", "type"]);
    expect(place.cni.attachment("c1")?.mapsPorts).toBe(true);
    expect(place.warnings).toEqual([]);
  });

  test("by the next engine as they were by the one before, whatever the folder says now", async () => {
    using place = new Place(["a", "b"]);
    await place.cni.attach(owner);
    place.configure({ cniVersion: "1.0.0", name: "other", plugins: [{ type: "c" }] });
    place.again();
    place.asked();
    expect(place.cni.attachment("c1")?.network).toBe("boats");
    await place.cni.detach("c1", "/run/netns/c1");
    expect(place.asked().map(({ type, config }) => [type, config["name"]])).toEqual([
      ["b", "boats"],
      ["a", "boats"],
    ]);
  });

  test("with a new configuration from the next pod on", async () => {
    using place = new Place(["a"]);
    place.plugin("c");
    place.configure({ cniVersion: "0.4.0", name: "new", plugins: [{ type: "c" }] });
    expect((await place.cni.attach(owner)).network).toBe("new");
  });

  test("in the newest version that all of them know", async () => {
    using place = new Place(["a", "b"], { cniVersions: ["0.3.1", "0.4.0", "1.1.0"] });
    place.says("a", "VERSION", `echo '{"supportedVersions":["0.3.1","0.4.0","1.0.0","1.1.0"]}'`);
    place.says("b", "VERSION", `echo '{"supportedVersions":["0.3.1","0.4.0"]}'`);
    await place.cni.attach(owner);
    await place.cni.attach({ ...owner, id: "c2" });
    const asked = place.asked();
    expect(asked.filter(({ env }) => env["CNI_COMMAND"] === "VERSION")).toHaveLength(2);
    expect(asked.at(-1)?.config["cniVersion"]).toBe("0.4.0");
    place.plugin("b", `${readFileSync(join(place.folder, "bin", "b"), "utf8")}# another\n`);
    place.says("b", "VERSION", "echo what; exit 1");
    await place.cni.attach({ ...owner, id: "c3" });
    expect(place.asked().at(-1)?.config["cniVersion"]).toBe("1.1.0");
  });
});

describe("an ADD that fails", () => {
  test("is undone by DEL of all, and told in the plug-in's words", async () => {
    using place = new Place(["a", "b", "c"]);
    place.says("b", "ADD", `echo '{"code":7,"msg":"bad","details":"very"}'; exit 1`);
    expect(await refusal(place.cni.attach(owner))).toMatchObject({
      code: "failed_precondition",
      message: 'cannot add pod "default/web" to network "boats": plug-in "b" says to ADD: bad: very (code 7)',
    });
    expect(place.calls()).toEqual(["a ADD", "b ADD", "c DEL", "b DEL", "a DEL"]);
    expect(place.cni.attached()).toEqual([]);
  });

  test("and whose DEL fails too is kept for the next DEL", async () => {
    using place = new Place(["a"]);
    place.says("a", "ADD", "exit 3");
    place.says("a", "DEL", "echo stuck >&2; exit 1");
    await refusal(place.cni.attach(owner));
    expect(place.warnings).toEqual([
      'cannot take sandbox c1 off network "boats": plug-in "a" says to DEL: stuck',
    ]);
    expect([place.cni.attached(), place.cni.attachment("c1")]).toEqual([["c1"], undefined]);
    place.quiet("a", "DEL");
    place.again();
    await place.cni.detach("c1", undefined);
    expect(place.cni.attached()).toEqual([]);
  });

  test("by the end of patience kills the plug-in with what it has started", async () => {
    using place = new Place(["a"]);
    const { folder } = place;
    place.says(
      "a",
      "ADD",
      `setsid sleep 1000 & echo $! > ${folder}/child.new; mv ${folder}/child.new ${folder}/child; wait`,
    );
    const stop = new AbortController();
    const call = refusal(place.cni.attach(owner, stop.signal));
    while (!existsSync(`${folder}/child`)) await Bun.sleep(2);
    const child = Number(readFileSync(`${folder}/child`, "utf8"));
    stop.abort();
    expect(await call).toMatchObject({ code: "cancelled" });
    while (isAlive(child)) await Bun.sleep(2);
    expect(place.calls()).toEqual(["a ADD", "a DEL"]);
  });
});

function isAlive(pid: number): boolean {
  const stat = existsSync(`/proc/${pid}/stat`) ? readFileSync(`/proc/${pid}/stat`, "utf8") : "";
  return stat !== "" && !/\) [ZX] /.test(stat);
}

test("a DEL that fails keeps what is known, and a sandbox that the plug-in does not know is done", async () => {
  using place = new Place(["a", "b"]);
  await place.cni.attach(owner);
  place.says("b", "DEL", `echo '{"code":11,"msg":"later"}'; exit 1`);
  expect((await refusal(place.cni.detach("c1", "/x"))).code).toBe("unavailable");
  expect(place.cni.attachment("c1")).toBeDefined();
  place.says("b", "DEL", `echo '{"code":3,"msg":"who?"}'; exit 1`);
  await place.cni.detach("c1", "/x");
  expect(place.cni.attached()).toEqual([]);
});

describe("a hostile plug-in", () => {
  test.each([
    ["an endless answer", "exec yes", "resource_exhausted", "longer than 1048576 bytes"],
    ["a hundred megabytes", "head -c 100000000 /dev/zero; exit 0", "resource_exhausted", "longer than"],
    ["endless words beside it", "head -c 50000000 /dev/zero >&2; exit 1", "unknown", "\\x00"],
    ["no JSON", "echo hello; exit 0", "failed_precondition", "no JSON object"],
    ["another version", `echo '{"cniVersion":"7.0.0"}'; exit 0`, "failed_precondition", "cniVersion"],
    ["no answer", "exit 0", "failed_precondition", "it is empty"],
    ["its own end", "kill -9 $$", "unknown", "it ended with status 137"],
  ])("with %s is an error, and undone", async (_, script, code, words) => {
    using place = new Place(["a"]);
    place.says("a", "ADD", script);
    const error = await refusal(place.cni.attach(owner));
    expect([error.code, error.message]).toEqual([code, expect.stringContaining(words)]);
    expect(place.cni.attached()).toEqual([]);
  });

  test("that leaves somebody behind who holds its output is not waited for", async () => {
    using place = new Place(["a"]);
    const { folder } = place;
    place.says("a", "ADD", `setsid sleep 1000 & echo $! > ${folder}/left`);
    expect((await place.cni.attach(owner)).addresses).toHaveLength(1);
    process.kill(Number(readFileSync(`${folder}/left`, "utf8")), "SIGKILL");
  });
});

test("a plug-in that is not there is named, and nothing is made", async () => {
  using place = new Place(["a"]);
  place.configure({ cniVersion: "1.0.0", name: "boats", plugins: [{ type: "nowhere" }] });
  const error = await refusal(place.cni.attach(owner));
  expect(error.message).toContain(`plug-in "nowhere" is not in ${place.folder}/bin`);
});

test("ports that no plug-in maps are told of, and are no error", async () => {
  using place = new Place(["a"]);
  const ports = [{ hostPort: 80, containerPort: 80, protocol: "tcp" }] as const;
  const { mapsPorts } = await place.cni.attach({ ...owner, ports });
  expect([mapsPorts, place.warnings]).toEqual([
    false,
    [
      'ports of pod "default/web" are not mapped: no plug-in of network "boats" has the capability portMappings',
    ],
  ]);
});

describe("CHECK", () => {
  test.each([{ cniVersion: "0.3.1" }, { disableCheck: true }])("is not asked with %p", async (more) => {
    using place = new Place(["a"], more);
    await place.cni.attach(owner);
    place.asked();
    await place.cni.check("c1");
    await place.cni.check("nobody");
    expect(place.calls()).toEqual([]);
  });

  test("says what is wrong", async () => {
    using place = new Place(["a"]);
    await place.cni.attach(owner);
    place.says("a", "CHECK", `echo '{"code":100,"msg":"no eth0"}'; exit 1`);
    expect((await refusal(place.cni.check("c1"))).message).toEndWith(
      'on network "boats" as it was made: plug-in "a" says to CHECK: no eth0 (code 100)',
    );
  });
});

describe("GC", () => {
  const newest = { cniVersion: "1.1.0" };

  test("names what is attached, passes over who does not know it, and tells who fails", async () => {
    using place = new Place(["a", "b", "c"], newest);
    await place.cni.attach(owner);
    place.says("a", "GC", `echo '{"code":4,"msg":"unknown CNI_COMMAND: GC"}'; exit 1`);
    place.says("b", "GC", `echo '{"code":5,"msg":"disk"}'; exit 1`);
    place.again();
    place.asked();
    expect(await place.cni.collect()).toEqual(['network "boats": plug-in "b" says to GC: disk (code 5)']);
    const asked = place.asked();
    expect(asked.map(({ type, env }) => [type, env["CNI_COMMAND"], env["CNI_CONTAINERID"]])).toEqual([
      ["a", "GC", undefined],
      ["b", "GC", undefined],
      ["c", "GC", undefined],
    ]);
    expect(asked[0]?.config["cni.dev/valid-attachments"]).toEqual([{ containerID: "c1", ifname: "eth0" }]);
  });

  test.each([
    ["of an older network", {}],
    ["that forbids it", { ...newest, disableGC: true }],
  ])("is not asked %s", async (_, network) => {
    using place = new Place(["a"], network);
    await place.cni.attach(owner);
    place.asked();
    expect(await place.cni.collect()).toEqual([]);
    expect(place.calls()).toEqual([]);
  });

  test("is not asked where this engine has never had anything: what is there is another's", async () => {
    using place = new Place(["a"], newest);
    expect(await place.cni.collect()).toEqual([]);
    expect(place.calls()).toEqual([]);
  });

  test("and ADD exclude each other", async () => {
    using place = new Place(["a"], newest);
    await place.cni.attach(owner);
    place.asked();
    const { folder } = place;
    place.says(
      "a",
      "GC",
      `echo begun > ${folder}/gc; while [ ! -e ${folder}/go ]; do sleep 0.01; done; echo end >> ${folder}/gc`,
    );
    place.says("a", "ADD", `cat ${folder}/gc > ${folder}/seen`);
    const collected = place.cni.collect();
    while (!existsSync(`${folder}/gc`)) await Bun.sleep(2);
    const added = place.cni.attach({ ...owner, id: "c2" });
    writeFileSync(`${folder}/go`, "");
    await Promise.all([collected, added]);
    expect(readFileSync(`${folder}/seen`, "utf8")).toBe("begun\nend\n");
  });
});

describe("the status", () => {
  const newest = { cniVersion: "1.1.0" };
  const notReady = (part: string) => ({
    ready: false,
    reason: "NetworkPluginNotReady",
    message: expect.stringContaining(part) as string,
  });

  test("is that of the plug-ins where they can be asked", async () => {
    using place = new Place(["a", "b"], newest);
    place.says("b", "STATUS", `echo '{"code":4,"msg":"unknown CNI_COMMAND: STATUS"}'; exit 1`);
    expect([place.cni.configured(), await place.cni.status()]).toEqual([
      true,
      { ready: true, reason: "", message: "" },
    ]);
    place.says("a", "STATUS", `echo '{"code":50,"msg":"no daemon"}'; exit 1`);
    expect(await place.cni.status()).toEqual(notReady('plug-in "a" says to STATUS: no daemon (code 50)'));
  });

  test("needs a configuration that can be used, and the programs that it names", async () => {
    using place = new Place(["a"]);
    expect((await place.cni.status()).ready).toBe(true);
    expect(place.calls()).toEqual([]);
    place.configure({ cniVersion: "1.0.0", name: "x", plugins: [{ type: "gone" }] });
    expect(await place.cni.status()).toEqual(notReady('plug-in "gone" is not in'));
    place.configure([]);
    expect([place.cni.configured(), await place.cni.status()]).toEqual([true, notReady("wanted an object")]);
    rmSync(join(place.folder, "net.d", "1.conflist"));
    expect([place.cni.configured(), await place.cni.status()]).toEqual([
      false,
      notReady("there is no network configuration"),
    ]);
  });
});
