/** The systemd driver over a real D-Bus daemon, with a manager on it that notes what it is asked and answers as systemd does. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import * as dbus from "@jellybrick/dbus-next";
import { connectSystemd, outerId, type Systemd } from "./bus.ts";
import { startScope, stopScope, updateScope } from "./scope.ts";
import { parseSystemdPath } from "./unit.ts";

const daemon = Bun.which("dbus-daemon");
const patience = { timeoutMs: 10_000, environment: {} };
const unit = parseSystemdPath("pods.slice:sampan:web", "c1");

/** What systemd does with a call: gives the answer, or refuses with an error's name. */
type Answer = { result?: string; error?: string; silent?: boolean };

class FakeSystemd {
  readonly calls: { member: string; body: unknown[] }[] = [];
  readonly answers: Record<string, Answer[]> = {};
  readonly #bus: dbus.MessageBus;

  constructor(bus: dbus.MessageBus) {
    this.#bus = bus;
    bus.addMethodHandler((message) => this.#answer(message));
  }

  reset(): void {
    this.calls.length = 0;
    for (const member of Object.keys(this.answers)) delete this.answers[member];
  }

  #answer(message: dbus.Message): boolean {
    const member = message.member ?? "";
    if (message.path !== "/org/freedesktop/systemd1") return false;
    this.calls.push({ member, body: message.body });
    const { result = "done", error, silent } = this.answers[member]?.shift() ?? {};
    if (silent === true) return true;
    if (error !== undefined) this.#bus.send(dbus.Message.newError(message, error, `${member} failed`));
    else if (member === "Get") this.#reply(message, "v", [new dbus.Variant("s", "252.38-1~deb12u1")]);
    else if (member === "StartTransientUnit" || member === "StopUnit") this.#job(message, result);
    else this.#reply(message, "", []);
    return true;
  }

  /** The signal first: the order in which it is hardest to see. */
  #job(message: dbus.Message, result: string): void {
    const job = `/org/freedesktop/systemd1/job/${this.calls.length}`;
    const body = [this.calls.length, job, message.body[0], result];
    const [path, manager] = ["/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager"];
    this.#bus.send(dbus.Message.newSignal(path, manager, "JobRemoved", "uoss", body));
    this.#reply(message, "o", [job]);
  }

  #reply(message: dbus.Message, signature: string, body: unknown[]): void {
    this.#bus.send(dbus.Message.newMethodReturn(message, signature, body));
  }
}

describe.skipIf(daemon === null)("the systemd driver", () => {
  let root = "";
  let address = "";
  let child: Bun.Subprocess | undefined;
  let fakeBus: dbus.MessageBus | undefined;
  let fake: FakeSystemd;
  let systemd: Systemd;

  beforeAll(async () => {
    root = mkdtempSync(`${tmpdir()}/bus-`);
    address = `unix:path=${root}/bus`;
    const policy =
      '<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy>';
    const config = `<busconfig><type>session</type><listen>${address}</listen>${policy}</busconfig>`;
    writeFileSync(`${root}/bus.conf`, config);
    const bus = Bun.spawn([daemon ?? "", `--config-file=${root}/bus.conf`, "--nofork", "--print-address"], {
      stdout: "pipe",
    });
    child = bus;
    await bus.stdout.getReader().read();
    const own = dbus.sessionBus({ busAddress: address });
    fakeBus = own;
    await own.requestName("org.freedesktop.systemd1");
    fake = new FakeSystemd(own);
    systemd = await connectSystemd({ ...patience, user: false, address });
  });

  afterAll(async () => {
    systemd[Symbol.dispose]();
    fakeBus?.disconnect();
    child?.kill();
    await child?.exited;
    rmSync(root, { recursive: true });
  });

  beforeEach(() => fake.reset());

  test("starts a scope with its properties, and waits until it is there", async () => {
    const resources = { memory: { limit: 2 ** 40 }, cpu: { cpus: "0-2" } };
    await startScope(systemd, { unit, version: 2, pid: 4242, resources, devices: [] });
    const [version, start] = fake.calls;
    expect(version?.member).toBe("Get");
    expect(start?.member).toBe("StartTransientUnit");
    const [name, mode, properties] = (start?.body ?? []) as [
      string,
      string,
      [string, { signature: string; value: unknown }][],
    ];
    expect([name, mode]).toEqual(["sampan-web.scope", "replace"]);
    const value = (key: string) => properties.findLast(([property]) => property === key)?.[1];
    expect(value("Slice")).toMatchObject({ signature: "s", value: "pods.slice" });
    expect(value("PIDs")).toMatchObject({ signature: "au", value: [4242] });
    expect(value("MemoryMax")).toMatchObject({ signature: "t", value: 2n ** 40n });
    expect(value("AllowedCPUs")).toMatchObject({ signature: "ay", value: Buffer.from([7]) });
    expect(value("DeviceAllow")?.value).toContainEqual(["/dev/char/1:3", "rwm"]);
  });

  test("clears a failed unit of the same name away, once", async () => {
    fake.answers["StartTransientUnit"] = [{ error: "org.freedesktop.systemd1.UnitExists" }];
    await startScope(systemd, { unit, version: 2, pid: 1 });
    expect(fake.calls.map(({ member }) => member)).toEqual([
      "Get",
      "StartTransientUnit",
      "ResetFailedUnit",
      "StartTransientUnit",
    ]);
    const exists = { error: "org.freedesktop.systemd1.UnitExists" };
    fake.answers["StartTransientUnit"] = [exists, exists];
    expect(await refusal(startScope(systemd, { unit, version: 2, pid: 1 }))).toMatchObject({
      code: "already_exists",
    });
  });

  test("names how a job ended that failed", async () => {
    fake.answers["StartTransientUnit"] = [{ result: "failed" }];
    const error = await refusal(startScope(systemd, { unit, version: 2, pid: 1 }));
    expect(error?.message).toBe('cannot start unit "sampan-web.scope": systemd\'s job ended as "failed"');
    expect(fake.calls.at(-1)?.member).toBe("ResetFailedUnit");
  });

  test("tells of new limits, and says nothing when there are none", async () => {
    await updateScope(systemd, { unit, version: 2, resources: { pids: { limit: 7 } } });
    expect(fake.calls.at(-1)).toMatchObject({
      member: "SetUnitProperties",
      body: ["sampan-web.scope", true, [["TasksMax", { value: 7n }]]],
    });
    fake.reset();
    await updateScope(systemd, { unit, version: 2, resources: {} });
    expect(fake.calls.map(({ member }) => member)).toEqual(["Get"]);
  });

  test("stops a unit, also one that is gone", async () => {
    await stopScope(systemd, unit);
    fake.answers["StopUnit"] = [{ error: "org.freedesktop.systemd1.NoSuchUnit" }];
    fake.answers["ResetFailedUnit"] = [{ error: "org.freedesktop.systemd1.NoSuchUnit" }];
    await stopScope(systemd, unit);
    fake.answers["StopUnit"] = [{ error: "org.freedesktop.DBus.Error.AccessDenied" }];
    expect(await refusal(stopScope(systemd, unit))).toMatchObject({ code: "permission_denied" });
  });

  test("gives up on a bus that is silent", async () => {
    using impatient = await connectSystemd({ ...patience, timeoutMs: 50, user: false, address });
    fake.answers["StopUnit"] = [{ silent: true }];
    expect(await refusal(impatient.stopUnit("x"))).toMatchObject({ code: "deadline_exceeded" });
  });

  test("names the address that it tried", async () => {
    const nowhere = `unix:path=${root}/nowhere`;
    for (const environment of [{ DBUS_SYSTEM_BUS_ADDRESS: nowhere }, {}]) {
      const error = await refusal(connectSystemd({ ...patience, user: false, environment }));
      expect(error?.code).toBe("unavailable");
      expect(error?.message).toContain(
        `tried "${environment.DBUS_SYSTEM_BUS_ADDRESS ?? "unix:path=/run/dbus/system_bus_socket"}"`,
      );
    }
    const user = await refusal(
      connectSystemd({ ...patience, user: true, environment: { XDG_RUNTIME_DIR: root } }),
    );
    expect(user).toBeUndefined();
    const unset = await refusal(connectSystemd({ ...patience, user: true }));
    expect(unset?.message).toContain("neither DBUS_SESSION_BUS_ADDRESS nor XDG_RUNTIME_DIR is set");
  });
});

test("a user's number outside of its namespace is by the map", () => {
  expect(outerId("         0       1000          1\n         1     100000      65536\n", 0)).toBe(1000);
  expect(outerId("0 1000 1\n1 100000 65536\n", 5)).toBe(100004);
  expect(outerId("0 0 4294967295\n", 7)).toBe(7);
  expect(outerId("", 7)).toBe(7);
});

/** The error, or undefined when there was none. A connection is closed again. */
async function refusal(
  promise: Promise<void | object>,
): Promise<{ code?: string; message: string } | undefined> {
  try {
    const result = await promise;
    if (typeof result === "object" && Symbol.dispose in result) (result as Disposable)[Symbol.dispose]();
    return undefined;
  } catch (error) {
    return error as { code?: string; message: string };
  }
}
