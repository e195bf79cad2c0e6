/** What an upgrade is checked for before anything is done, and how its steps and trial go, with a program and a link that the test plays. */
import { existsSync, mkdtempSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "bun:test";
import { systemClock } from "../../../src/base/clock.ts";
import type { LiveEngine } from "../../../src/engine/engine.ts";
import type { EdgeContext } from "../../../src/fleet/edge/part.ts";
import { startEdgeTasks } from "../../../src/fleet/edge/tasks/start.ts";
import { TaskStore } from "../../../src/fleet/edge/tasks/store.ts";
import { confirmUpgrade } from "../../../src/fleet/edge/tasks/upgrade/confirm.ts";
import { planOfJob, planOfRequest } from "../../../src/fleet/edge/tasks/upgrade/plan.ts";
import { requireExecutable } from "../../../src/fleet/edge/tasks/upgrade/program.ts";
import { decide, isLeft } from "../../../src/fleet/edge/tasks/upgrade/trial.ts";
import { message, type Envelope } from "../../../src/fleet/link/envelope.ts";
import { upgradeJob } from "../../../src/fleet/link/kinds/jobs.ts";
import { fakeLink, type FakeLink } from "../edge/fake-link.ts";
import { until } from "../until.ts";

const digest = `sha256:${"a".repeat(64)}`;

describe("a plan", () => {
  test.each<[string, object, object]>([
    [
      "the version is the tag, and its v says nothing",
      { version: "v1.2.3", image: "site/sampan" },
      { version: "1.2.3", image: "site/sampan:v1.2.3" },
    ],
    [
      "a tag of its own is kept, a port is none",
      { version: "1.2.3", image: "127.0.0.1:5000/sampan:edge" },
      { image: "127.0.0.1:5000/sampan:edge" },
    ],
    ["a port alone is no tag", { version: "1.2.3", image: "h:5000/s" }, { image: "h:5000/s:1.2.3" }],
    [
      "a digest decides",
      { version: "1.2.3", image: "site/sampan", imageDigestGatter: { value: digest } },
      { image: `site/sampan:1.2.3@${digest}` },
    ],
    [
      "a digest in the image is one",
      { version: "1.2.3", image: `site/sampan@${digest}`, imageDigestGatter: { value: digest } },
      { image: `site/sampan@${digest}` },
    ],
    ["a person is asked", { version: "1", image: "a", requireConfirmation: true }, { isConfirmed: false }],
    [
      "there is an end to waiting",
      { version: "1", image: "a", timeoutSeconds: 4e9 },
      { timeout: 86_400_000 },
    ],
  ])("%s", (_, spec, wanted) => {
    expect(planOfJob(upgradeJob.parse(spec))).toMatchObject(wanted);
  });

  test.each<[string, object]>([
    ["a version with signs of a shell", { version: "v1; reboot", image: "a" }],
    ["a version that begins an option", { version: "--help", image: "a" }],
    ["a version of two lines", { version: "1\n2", image: "a" }],
    ["a version that is no text", { version: ["1"], image: "a" }],
    ["no version", { image: "a" }],
    ["no image", { version: "1" }],
    ["an image with signs of a shell", { version: "1", image: "a$(reboot)" }],
    ["an image that begins an option", { version: "1", image: "--privileged" }],
    ["an image that is a path", { version: "1", image: "../../etc/passwd" }],
    ["a tag that none can be", { version: "1+2", image: "a" }],
    ["another tool", { version: "1", image: "a", upgradeTool: "sh" }],
    ["a tool with signs of a shell", { version: "1", image: "a", upgradeTool: "keadm;id" }],
    ["a digest that is none", { version: "1", image: "a", imageDigestGatter: { value: "sha256:$(id)" } }],
    ["a digest that is too short", { version: "1", image: "a", imageDigestGatter: { value: "sha256:aa" } }],
    ["a digest that is no text", { version: "1", image: "a", imageDigestGatter: { value: {} } }],
    [
      "digests that differ",
      { version: "1", image: `a@${digest.replaceAll("a", "b")}`, imageDigestGatter: { value: digest } },
    ],
    [
      "a registry that is asked",
      { version: "1", image: "a", imageDigestGatter: { registryAPI: { host: "h" } } },
    ],
    ["a gatter that is none", { version: "1", image: "a", imageDigestGatter: "x" }],
  ])("refuses %s", (_, spec) => {
    expect(() => planOfJob(upgradeJob.parse(spec))).toThrow("cannot");
  });

  test("of an older cloud is the same", () => {
    const request = {
      UpgradeID: "u",
      HistoryID: "h",
      Version: "v2",
      UpgradeTool: "",
      Image: "a:v2",
      ImageDigest: digest,
    };
    expect(planOfRequest(request)).toMatchObject({
      version: "2",
      image: `a:v2@${digest}`,
      isConfirmed: true,
    });
  });
});

/** The beginning of an ELF file. */
function header(
  change: { class?: number; order?: number; type?: number; machine?: number } = {},
): Uint8Array {
  const bytes = Buffer.alloc(20);
  bytes.write("\x7fELF", "latin1");
  bytes[4] = change.class ?? 2;
  bytes[5] = change.order ?? 1;
  bytes.writeUInt16LE(change.type ?? 2, 16);
  bytes.writeUInt16LE(change.machine ?? 62, 18);
  return bytes;
}

describe("a program", () => {
  test("for this machine is taken", () => {
    requireExecutable(header(), "x64");
    requireExecutable(header({ type: 3, machine: 183 }), "arm64");
  });

  test.each<[string, Uint8Array, string]>([
    ["a script", Buffer.from("#!/bin/sh\nreboot\nreboot\n"), "no executable"],
    ["nothing", new Uint8Array(), "no executable"],
    ["a beginning alone", header().subarray(0, 16), "no executable"],
    ["one of 32 bits", header({ class: 1 }), "no executable"],
    ["one of the other order", header({ order: 2 }), "no executable"],
    ["an object file", header({ type: 1 }), "a library or an object file"],
    ["arm64's", header({ machine: 183 }), "is for arm64, wanted one for x64"],
    ["a machine's that nobody knows", header({ machine: 4096 }), "is for machine 4096, wanted one for x64"],
  ])("%s is refused", (_, bytes, why) => {
    expect(() => requireExecutable(bytes, "x64")).toThrow(why);
  });
});

interface Life extends AsyncDisposable {
  readonly link: FakeLink;
  readonly posted: unknown[];
  readonly ends: string[];
  words(): string[];
}

interface Living {
  readonly version?: string;
  readonly onTrial?: boolean;
  readonly connected?: boolean;
  /** What the image has. */
  readonly content?: string | Uint8Array;
  readonly fromSource?: boolean;
}

const site = () => {
  const folder = mkdtempSync(join(tmpdir(), "sampan-upgrade-"));
  const [root, program] = [join(folder, "edge"), join(folder, "bin", "sampan")];
  mkdirSync(join(folder, "bin"));
  writeFileSync(program, "old");
  return { folder, root, program, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) };
};

async function live(
  { root, folder, program }: ReturnType<typeof site>,
  { version = "1.0.0", onTrial = false, connected = true, content = "", fromSource = false }: Living = {},
): Promise<Life> {
  const link = fakeLink();
  link.connected = connected;
  const [posted, ends]: [unknown[], string[]] = [[], []];
  const context: EdgeContext = {
    node: "edge1",
    root,
    link,
    meta: {} as EdgeContext["meta"],
    engine: { settings: { root: folder } } as LiveEngine,
    clock: systemClock(),
    log: () => {},
    signal: new AbortController().signal,
  };
  const part = await startEdgeTasks(context, {
    machine: { freeDisk: () => 1, freeMemory: () => 1, load: () => 0 },
    own: {
      path: fromSource ? undefined : program,
      version,
      onTrial,
      tryNew: () => void ends.push("try"),
      endTrial: () => void ends.push("end"),
    },
    fetchProgram: (_, to) => Promise.resolve(writeFileSync(to, content, { mode: 0o755 })),
    post: (body) => Promise.resolve(void posted.push(body)),
  });
  return {
    link,
    posted,
    ends,
    words: () => link.sent.map(wordOf),
    [Symbol.asyncDispose]: () => part[Symbol.asyncDispose](),
  };
}

function wordOf({ content }: Envelope): string {
  const { action, succ, reason, Event, Action, Reason } = content as Record<string, string | boolean>;
  if (Event !== undefined) return `${Event} ${Action}${Reason === "" ? "" : `: ${Reason}`}`;
  return `${action} ${succ ? "ok" : "failed"}${reason === "" ? "" : `: ${reason}`}`;
}

const resource = "operations.kubeedge.io/v1alpha2/nodeupgradejob/job/node/edge1";
const job = (spec: object): Envelope =>
  message(
    { source: "taskmanager", group: "taskmanager", operation: "Check", resource },
    { version: "v2.0.0", image: "made/sampan", ...spec },
  );
/** As the steps before leave it. */
const trial = (root: string, program: string) =>
  new TaskStore(root).setUpgrade({
    task: { style: "action", resource },
    from: "1.0.0",
    to: "2.0.0",
    program: `${program}.new`,
    target: program,
  });

describe("an edge", () => {
  test.each<[string, Living, object, string]>([
    ["that runs from source", { fromSource: true }, {}, "Check failed: this edge runs from source"],
    [
      "whose image has a script",
      { content: "#!/bin/sh\necho Sampan 2.0.0\n" },
      {},
      'Check failed: "/usr/local/bin/sampan" of the image is no executable',
    ],
    ["that is asked by another tool", {}, { upgradeTool: "apt" }, "Check failed: cannot upgrade by tool"],
    ["that checks what it does not know", {}, { checkItems: ["$(id)"] }, "Check failed: cannot check"],
  ])("%s changes nothing, and says why", async (_, living, spec, said) => {
    using place = site();
    await using edge = await live(place, living);
    await edge.link.say("tasks", job(spec));
    await until(() => edge.link.sent.length >= 1);
    expect(edge.words()).toEqual([expect.stringContaining(said) as unknown as string]);
    expect(edge.ends).toEqual([]);
    expect([existsSync(`${place.program}.new`), existsSync(`${place.program}.before`)]).toEqual([
      false,
      false,
    ]);
    expect(readFileSync(place.program, "utf8")).toBe("old");
  });

  test("that is the version already says so, and does nothing", async () => {
    using place = site();
    await using edge = await live(place, { version: "2.0.0" });
    await edge.link.say("tasks", job({}));
    await until(() => edge.link.sent.length >= 2);
    expect([edge.words(), edge.ends]).toEqual([["Check ok", "Upgrade ok: it is version 2.0.0 already"], []]);
  });

  test("on trial says so when its link stands, and takes no job meanwhile", async () => {
    using place = site();
    trial(place.root, place.program);
    await using edge = await live(place, { version: "2.0.0", onTrial: true, connected: false });
    await edge.link.say("tasks", job({}));
    expect(edge.ends).toEqual([]);
    edge.link.change(true);
    await until(() => edge.ends.length > 0);
    expect([edge.ends, edge.link.sent]).toEqual([["end"], []]);
    expect(new TaskStore(place.root).upgrade?.verdict).toEqual({ stands: true });
    expect([isLeft(place.root, "v1.0.0"), isLeft(place.root, "2.0.0")]).toEqual([true, false]);
  });

  test("that became the new version tells of it once", async () => {
    using place = site();
    trial(place.root, place.program);
    decide(place.root, { stands: true });
    {
      await using edge = await live(place, { version: "2.0.0" });
      await until(() => edge.link.sent.length >= 1);
      expect(edge.words()).toEqual(["Upgrade ok"]);
      expect(edge.link.sent[0]?.content).toMatchObject({ extend: "1.0.0,2.0.0" });
    }
    await using later = await live(place, { version: "2.0.0" });
    expect(later.link.sent).toEqual([]);
  });

  test.each<[string, { readonly failed: string } | undefined, string]>([
    ["whose trial failed", { failed: "status 7" }, "status 7"],
    [
      "that was cut off in a trial",
      undefined,
      "the machine or the process ended before the new program had reached the cloud",
    ],
  ])("%s tells of it, and does not begin it anew when it is said again", async (_, verdict, why) => {
    using place = site();
    trial(place.root, place.program);
    if (verdict) decide(place.root, verdict);
    await using edge = await live(place);
    await until(() => edge.link.sent.length >= 2);
    await edge.link.say("tasks", job({}));
    await until(() => edge.link.sent.length >= 3);
    expect([edge.words(), edge.ends]).toEqual([
      [`Upgrade failed: ${why}`, "RollBack ok", `Upgrade failed: ${why}`],
      [],
    ]);
  });

  test("tells a cloud of 1.15 by HTTPS, once", async () => {
    using place = site();
    await using edge = await live(place, { version: "2.0.0" });
    const route = {
      source: "nodeupgradejobcontroller",
      group: "nodeupgradejobcontroller",
      operation: "upgrade",
      resource: "upgrade/up1/node/edge1",
    };
    const content = {
      UpgradeID: "up1",
      HistoryID: "h-1",
      Version: "v2.0.0",
      UpgradeTool: "",
      Image: "a:v2.0.0",
    };
    await edge.link.say("upgrade", message(route, content));
    await edge.link.say("upgrade", message(route, { ...content, UpgradeID: "up2", UpgradeTool: "sh" }));
    await until(() => edge.posted.length >= 1);
    expect(edge.posted[0]).toEqual({
      UpgradeID: "up1",
      HistoryID: "h-1",
      NodeName: "edge1",
      FromVersion: "2.0.0",
      ToVersion: "2.0.0",
      Status: "upgrade_success",
      Reason: "it is version 2.0.0 already",
    });
    expect([edge.link.sent, new TaskStore(place.root).reports]).toEqual([[], []]);
  });

  test("is led by a cloud of 1.17 from state to state", async () => {
    using place = site();
    await using edge = await live(place, { version: "2.0.0" });
    const Item = { UpgradeID: "t", HistoryID: "h", Version: "v2.0.0", UpgradeTool: "", Image: "a:v2.0.0" };
    for (const State of ["Init", "Checking", "BackingUp", "Upgrading", "RollingBack"]) {
      const route = {
        source: "taskmanager",
        group: "taskmanager",
        operation: "upgrade",
        resource: "upgrade/t/node/edge1",
      };
      await edge.link.say("tasks", message(route, { TaskID: "t", Type: "upgrade", State, Item }));
    }
    await until(() => edge.link.sent.length >= 5);
    expect(edge.words()).toEqual([
      "Init Success",
      "Check Success",
      "Backup Success",
      "Upgrade Success: it is version 2.0.0 already",
      "RollBack Success",
    ]);
  });
});

test("nobody confirms what does not wait, nor one of several without its name", () => {
  using place = site();
  expect(() => confirmUpgrade(place.root, undefined)).toThrow("none waits");
  const held = (name: string) => ({
    version: "2",
    job: message(
      {
        source: "taskmanager",
        group: "taskmanager",
        operation: "Check",
        resource: resource.replace("/job/", `/${name}/`),
      },
      {},
    ),
  });
  new TaskStore(place.root).setHeld([held("a"), held("b")]);
  expect(() => confirmUpgrade(place.root, undefined)).toThrow(
    'several wait, wanted the name of one: "a" (2), "b" (2)',
  );
  expect(() => confirmUpgrade(place.root, "c")).toThrow("only these wait");
  expect(confirmUpgrade(place.root, "b")).toEqual({ job: "b", version: "2" });
});
