/** What jobs do at an edge, with a link and images that are played by the test. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "bun:test";
import { systemClock, type Clock } from "../../../src/base/clock.ts";
import type { LiveEngine } from "../../../src/engine/engine.ts";
import type { EdgeContext } from "../../../src/fleet/edge/part.ts";
import type { Machine } from "../../../src/fleet/edge/tasks/check.ts";
import type { SettingsFile } from "../../../src/fleet/edge/tasks/config.ts";
import { changedSettings } from "../../../src/fleet/edge/tasks/settings.ts";
import { countTrialStart, takeBackSettings } from "../../../src/fleet/edge/tasks/trial.ts";
import { startEdgeTasks, type EdgeTasksOptions } from "../../../src/fleet/edge/tasks/start.ts";
import { message, type Envelope } from "../../../src/fleet/link/envelope.ts";
import { fakeLink, type FakeLink } from "../edge/fake-link.ts";
import { until } from "../until.ts";

interface Tried extends AsyncDisposable {
  readonly link: FakeLink;
  readonly root: string;
  readonly pulled: string[];
  readonly restarts: { count: number };
  readonly file: string;
  /** Reports that were sent, as `Check ok` or `Pull failed: …`. */
  words(): string[];
  /** Resolves when so many reports were sent. */
  until(count: number): Promise<void>;
  /** The process begins anew, with the same folder. */
  again(link?: FakeLink): Promise<void>;
  stop(): Promise<void>;
}

interface Trying extends EdgeTasksOptions {
  readonly clock?: Clock;
  readonly connected?: boolean;
  readonly pull?: (image: string) => Promise<void>;
  readonly check?: SettingsFile["check"];
}

const idle: Machine = { freeDisk: () => 0.5, freeMemory: () => 0.5, load: () => 0 };

async function openEdge(options: Trying = {}): Promise<Tried> {
  const folder = mkdtempSync(join(tmpdir(), "sampan-tasks-"));
  const [root, file] = [join(folder, "edge"), join(folder, "edge.toml")];
  const state = { link: fakeLink(), part: undefined as AsyncDisposable | undefined };
  state.link.connected = options.connected ?? true;
  const pulled: string[] = [];
  const restarts = { count: 0 };
  const settings: SettingsFile = {
    path: file,
    check: options.check ?? (() => {}),
    restart: () => void restarts.count++,
  };
  const start = async (): Promise<void> => {
    const context: EdgeContext = {
      node: "edge1",
      root,
      link: state.link,
      meta: {
        fetch: () => Promise.resolve({ apiVersion: "v1", kind: "Secret", metadata: {} }),
      } as unknown as EdgeContext["meta"],
      engine: { settings: { root: folder } } as LiveEngine,
      clock: options.clock ?? systemClock(),
      log: () => {},
      signal: new AbortController().signal,
    };
    const pullImage = async (image: string) => {
      pulled.push(image);
      await options.pull?.(image);
    };
    state.part = await startEdgeTasks(context, { machine: idle, pullImage, settings, ...options });
  };
  await start();
  return {
    get link() {
      return state.link;
    },
    root,
    pulled,
    restarts,
    file,
    words: () => state.link.sent.map(wordOf),
    async until(count) {
      await until(
        () => state.link.sent.length >= count,
        () => JSON.stringify(state.link.sent.map(wordOf)),
      );
    },
    async again(link) {
      await state.part?.[Symbol.asyncDispose]();
      state.link = link ?? fakeLink();
      await start();
    },
    async stop() {
      await state.part?.[Symbol.asyncDispose]();
    },
    async [Symbol.asyncDispose]() {
      await state.part?.[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function wordOf({ content }: Envelope): string {
  const { action, succ, reason, Event, Action, Reason } = content as Record<string, string | boolean>;
  if (Event !== undefined) return `${Event} ${Action}${Reason === "" ? "" : `: ${Reason}`}`;
  return `${action} ${succ ? "ok" : "failed"}${reason === "" ? "" : `: ${reason}`}`;
}

const resourceOf = (kind: string, node = "edge1") =>
  `operations.kubeedge.io/v1alpha2/${kind}/job/node/${node}`;
const job = (kind: string, content: unknown, node?: string): Envelope =>
  message(
    { source: "taskmanager", group: "taskmanager", operation: "Check", resource: resourceOf(kind, node) },
    content,
  );
const pullJob = (part: object): Envelope =>
  job("imageprepulljob", { imagePrePullTemplate: { images: ["a:1", "b:2"], ...part } });
const configJob = (updateFields: object): Envelope => job("configupdatejob", { updateFields });

describe("images", () => {
  test("are pulled after the check, and each is told of", async () => {
    const failing = (image: string) =>
      image === "b:2" ? Promise.reject(new Error("no such image")) : Promise.resolve();
    await using edge = await openEdge({ pull: failing });
    await edge.link.say("tasks", pullJob({ retryTimes: 2, checkItems: ["disk", "mem", "cpu"] }));
    await edge.until(2);
    expect(edge.pulled).toEqual(["a:1", "b:2", "b:2", "b:2"]);
    expect(edge.words()).toEqual(["Check ok", "Pull failed: 1 of 2 images: no such image"]);
    const [, said] = edge.link.sent;
    expect(said?.route).toEqual({
      source: "websocket",
      group: "hub",
      operation: "UpdateNodeActionStatus",
      resource: resourceOf("imageprepulljob"),
    });
    expect(JSON.parse((said!.content as { extend: string }).extend)).toEqual([
      { image: "a:1", status: "True", reason: "" },
      { image: "b:2", status: "False", reason: "no such image" },
    ]);
  });

  test.each<[string, Partial<Machine>, string[], string]>([
    [
      "a full disk",
      { freeDisk: () => 0.02 },
      ["disk"],
      "Check failed: free disk is 2 %, wanted at least 10 %",
    ],
    [
      "no memory",
      { freeMemory: () => 0.01 },
      ["mem"],
      "Check failed: free memory is 1 %, wanted at least 5 %",
    ],
    [
      "no time",
      { load: () => 9 },
      ["cpu"],
      "Check failed: each processor has a load of 9.0, wanted at most 2",
    ],
    ["an item that is none", {}, ["$(id)"], 'Check failed: cannot check "$(id)": wanted cpu, mem or disk'],
  ])("are not pulled with %s", async (_, machine, checkItems, said) => {
    await using edge = await openEdge({ machine: { ...idle, ...machine } });
    await edge.link.say("tasks", pullJob({ checkItems }));
    await edge.until(1);
    expect([edge.words(), edge.pulled]).toEqual([[said], []]);
  });

  test("are pulled once though the job is said twice, and reports wait for the link", async () => {
    const held = Promise.withResolvers<void>();
    await using edge = await openEdge({ connected: false, pull: () => held.promise });
    await edge.link.say("tasks", pullJob({}));
    await edge.link.say("tasks", pullJob({}));
    held.resolve();
    await until(() => edge.pulled.length >= 2);
    await edge.stop();
    expect(edge.link.sent).toEqual([]);
    await edge.again();
    await edge.until(2);
    expect(edge.words().slice(0, 1)).toEqual(["Check ok"]);
    expect(edge.pulled.slice(0, 2)).toEqual(["a:1", "b:2"]);
  });

  test("that were being pulled when the process ended are pulled by the next", async () => {
    const first = Promise.withResolvers<void>();
    let isFirst = true;
    const pull = () => {
      if (!isFirst) return Promise.resolve();
      isFirst = false;
      return first.promise;
    };
    await using edge = await openEdge({ pull });
    await edge.link.say("tasks", pullJob({}));
    await until(() => edge.pulled.length >= 1);
    const stopped = edge.stop();
    first.reject(new Error("called off"));
    await stopped;
    await edge.again();
    await edge.until(2);
    expect(edge.words()).toEqual(["Check ok", "Pull ok"]);
  });
});

describe("settings", () => {
  test("are on trial over a restart, and told of when the link stands", async () => {
    await using edge = await openEdge();
    writeFileSync(edge.file, 'log_level = "info"\n[mqtt]\nport = 1884\n');
    await edge.link.say("tasks", configJob({ "mqtt.port": "1999", log_level: "debug" }));
    await edge.until(2);
    expect(edge.restarts.count).toBe(1);
    expect(Bun.TOML.parse(readFileSync(edge.file, "utf8"))).toEqual({
      log_level: "debug",
      mqtt: { port: 1999 },
    });
    await edge.again();
    await edge.until(1);
    expect(edge.words()).toEqual(["Update ok"]);
    await edge.again();
    expect(edge.words()).toEqual([]);
  });

  test("come back when the link does not stand in time", async () => {
    const clock = handClock();
    await using edge = await openEdge({ clock });
    writeFileSync(edge.file, "[mqtt]\nport = 1884\n");
    await edge.link.say("tasks", configJob({ clouds: "nowhere.example:10000" }));
    await edge.until(2);
    const away = fakeLink();
    away.connected = false;
    await edge.again(away);
    await until(() => {
      clock.advance(60_000);
      return edge.restarts.count >= 2;
    });
    expect(readFileSync(edge.file, "utf8")).toBe("[mqtt]\nport = 1884\n");
    away.change(true);
    expect(edge.words()).toEqual(["Update failed: no link within 300 s", "RollBack ok"]);
  });

  test("come back when the process keeps ending before the link stands", async () => {
    await using edge = await openEdge();
    await edge.link.say("tasks", configJob({ log_level: "debug" }));
    await edge.until(2);
    await edge.stop();
    for (let start = 0; start < 3; start++) expect(countTrialStart(edge.root)).toBe(false);
    expect(existsSync(edge.file)).toBe(true);
    expect(countTrialStart(edge.root)).toBe(true);
    expect(existsSync(edge.file)).toBe(false);
    expect(countTrialStart(edge.root)).toBe(false);
    await edge.again();
    await edge.until(2);
    expect(edge.words()).toEqual(["Update failed: 3 starts without a link", "RollBack ok"]);
  });

  test("that were not written when the process ended are not told as taken", async () => {
    await using edge = await openEdge();
    await edge.link.say("tasks", configJob({ log_level: "debug" }));
    await edge.until(2);
    await edge.stop();
    writeFileSync(edge.file, 'log_level = "info"\n');
    await edge.again();
    await edge.until(1);
    expect(edge.words()).toEqual(["Update failed: the process ended before they were written"]);
  });

  test("come back at once when the edge cannot be opened with them", async () => {
    await using edge = await openEdge();
    writeFileSync(edge.file, "[mqtt]\nport = 1884\n");
    expect(takeBackSettings(edge.root, "no trial")).toBe(false);
    await edge.link.say("tasks", configJob({ "mqtt.port": "1" }));
    await edge.until(2);
    await edge.stop();
    expect(takeBackSettings(edge.root, "the port is taken")).toBe(true);
    expect(readFileSync(edge.file, "utf8")).toBe("[mqtt]\nport = 1884\n");
    await edge.again();
    await edge.until(2);
    expect(edge.words()).toEqual(["Update failed: the port is taken", "RollBack ok"]);
    expect(edge.restarts.count).toBe(1);
  });

  test("that this program would not start with are refused, and the file is as it was", async () => {
    const check = () => {
      throw new Error("mqtt.mode is none");
    };
    await using edge = await openEdge({ check });
    writeFileSync(edge.file, "[mqtt]\nport = 1884\n");
    await edge.link.say("tasks", configJob({ "mqtt.mode": "$(id)" }));
    await edge.until(1);
    expect(edge.words()).toEqual(["Check failed: mqtt.mode is none"]);
    expect(readFileSync(edge.file, "utf8")).toBe("[mqtt]\nport = 1884\n");
    expect(edge.restarts.count).toBe(0);
  });

  test.each([
    "data_root",
    "token_file",
    "node_name",
    "engine.root",
    "engine.config",
    "metaserver.authorization",
    "metaserver.host",
    "mqtt.users",
    "mqtt.password_file",
    "pods.static",
    "dmi.socket",
    "modules.edgeHub.heartbeat",
    "__proto__",
    "constructor",
    "mqtt.__proto__",
    "toString",
  ])("%s is not for the cloud to change", (place) => {
    expect(() => changedSettings({}, { [place]: "x" })).toThrow("the cloud may change");
    expect(Object.prototype).not.toHaveProperty("x");
  });

  test.each([
    ["mqtt.port", "1; id"],
    ["pods.most", "-1"],
    ["pods.most", "1e3"],
    ["mqtt.port", ""],
  ])("%s cannot be %p", (place, text) => {
    expect(() => changedSettings({}, { [place]: text })).toThrow("is no number");
  });

  test("a text with quotes and line feeds stays one text", () => {
    const text = 'a"\n[engine]\nroot = "/x';
    const written = Bun.TOML.stringify(changedSettings({ mqtt: { port: 1 } }, { "mqtt.username": text }));
    expect(Bun.TOML.parse(written)).toEqual({ mqtt: { port: 1, username: text } });
  });
});

test("an upgrade of a program that cannot be replaced is refused with the reason", async () => {
  await using edge = await openEdge();
  await edge.link.say("tasks", job("nodeupgradejob", { version: "v1.99.0", image: "a" }));
  await edge.until(1);
  expect(edge.words()).toEqual([
    "Check failed: this edge runs from source; only the one executable that is built of it can be replaced",
  ]);
});

test("a cloud of 1.17 leads from state to state", async () => {
  await using edge = await openEdge();
  const Item = { Images: ["a:1"], NodeName: "edge1", Secret: "", RetryTimes: 0, CheckItems: null };
  for (const State of ["Init", "Checking", "Pulling"]) {
    const route = {
      source: "taskmanager",
      group: "taskmanager",
      operation: "prepull",
      resource: "prepull/t/node/edge1",
    };
    await edge.link.say("tasks", message(route, { TaskID: "t", Type: "prepull", State, Item }));
  }
  await edge.until(3);
  expect(edge.words()).toEqual(["Init Success", "Check Success", "Pull Success"]);
  expect(edge.link.sent[2]?.route).toMatchObject({ operation: "prepull", resource: "task/t/node/edge1" });
  expect(edge.link.sent[2]?.content).toMatchObject({
    ExternalMessage: JSON.stringify([{ image: "a:1", reason: "", state: "Successful" }]),
  });
});

describe("what is refused before anything happens", () => {
  test.each<[string, Envelope]>([
    ["another node's job", job("imageprepulljob", { imagePrePullTemplate: { images: ["a"] } }, "edge2")],
    ["an image with signs of a shell", pullJob({ images: ["a;reboot"] })],
    ["an image that begins an option", pullJob({ images: ["--help"] })],
    ["a secret with signs of a shell", pullJob({ imageSecrets: "a/$(id)" })],
    ["a place with signs of a shell", configJob({ "mqtt.port;id": "1" })],
    ["a version with signs of a shell", job("nodeupgradejob", { version: "v1 && reboot" })],
    ["no job", job("imageprepulljob", "x")],
    ["a kind that is none", job("constructor", {})],
  ])("%s", async (_, given) => {
    await using edge = await openEdge();
    const refused = await edge.link.say("tasks", given).then(
      () => undefined,
      (error: unknown) => String(error),
    );
    expect(refused).toContain("cannot");
    expect([edge.link.sent, edge.pulled, edge.restarts.count]).toEqual([[], [], 0]);
  });

  test("more jobs than may wait", async () => {
    const held = Promise.withResolvers<void>();
    await using edge = await openEdge({ pull: () => held.promise });
    const named = (name: string): Envelope => {
      const { route, content } = pullJob({});
      return message({ ...route, resource: route.resource.replace("/job/", `/${name}/`) }, content);
    };
    for (let index = 0; index < 10; index++) await edge.link.say("tasks", named(`job${index}`));
    const refused = await edge.link.say("tasks", named("more")).catch(String);
    held.resolve();
    expect(refused).toContain("10 wait already");
  });
});

function handClock(): Clock & { advance(milliseconds: number): void } {
  let now = 0;
  const waiting = new Map<() => void, number>();
  return {
    now: () => now,
    after(milliseconds, call) {
      waiting.set(call, now + milliseconds);
      return () => void waiting.delete(call);
    },
    advance(milliseconds) {
      now += milliseconds;
      for (const [call, at] of waiting) if (at <= now && waiting.delete(call)) call();
    },
  };
}
