import { describe, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Frames } from "../../../src/fleet/edge/eventbus/guard.ts";
import { KeptList } from "../../../src/fleet/edge/eventbus/kept-list.ts";
import { Rate } from "../../../src/fleet/edge/eventbus/rate.ts";
import { putUser, readUsers, Users } from "../../../src/fleet/edge/eventbus/users.ts";
import { handClock } from "../hand-clock.ts";

function folder(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), "sampan-mqtt-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

describe("the lengths of packets", () => {
  /** A packet of so many bytes behind its head. */
  const packet = (length: number): number[] => {
    const head: number[] = [0x30];
    for (let rest = length, more = true; more;) {
      more = rest > 127;
      head.push((rest & 127) | (more ? 128 : 0));
      rest >>= 7;
    }
    return [...head, ...Array<number>(length).fill(0xff)];
  };

  test("are followed however the bytes come in", () => {
    const bytes = Uint8Array.from([...packet(0), ...packet(300), ...packet(5), ...packet(128)]);
    for (const size of [1, 2, 3, 7, bytes.length]) {
      const frames = new Frames(300);
      for (let at = 0; at < bytes.length; at += size)
        expect(frames.take(bytes.subarray(at, at + size))).toBeTrue();
    }
  });

  test("are refused as soon as they are known", () => {
    expect(new Frames(299).take(Uint8Array.from(packet(300).slice(0, 3)))).toBeFalse();
  });

  test("have four bytes at most", () => {
    expect(new Frames(2 ** 31).take(Uint8Array.of(0x30, 0x80, 0x80, 0x80, 0x80))).toBeFalse();
  });
});

describe("a rate", () => {
  test("lets so many through at once, and the others later in their order", () => {
    const clock = handClock();
    const rate = new Rate(clock, 10, 3);
    const passed: number[] = [];
    for (const each of [1, 2, 3, 4, 5]) rate.pass(() => passed.push(each));
    expect(passed).toEqual([1, 2, 3]);
    clock.turn(100);
    expect(passed).toEqual([1, 2, 3, 4]);
    clock.turn(1000);
    expect(passed).toEqual([1, 2, 3, 4, 5]);
  });

  test("gains no more than the burst while nothing comes", () => {
    const clock = handClock();
    const rate = new Rate(clock, 10, 3);
    let passed = 0;
    for (let each = 0; each < 3; each++) rate.pass(() => passed++);
    clock.turn(60_000);
    for (let each = 0; each < 5; each++) rate.pass(() => passed++);
    expect(passed).toBe(6);
  });

  test("forgets who waits when it ends", () => {
    const clock = handClock();
    const rate = new Rate(clock, 1, 1);
    let passed = 0;
    for (let each = 0; each < 3; each++) rate.pass(() => passed++);
    rate.close();
    clock.turn(60_000);
    expect(passed).toBe(1);
  });
});

describe("a list of rules", () => {
  test("is there after a restart, for its owner only, and puts aside what is no list", () => {
    using place = folder();
    const list = new KeptList(place.path, "topics.json", () => {});
    expect([list.add("a/b"), list.add("a/b"), list.add("c"), list.remove("c"), list.remove("c")]).toEqual([
      true,
      false,
      true,
      true,
      false,
    ]);
    expect([...new KeptList(place.path, "topics.json", () => {}).items]).toEqual(["a/b"]);
    expect(statSync(join(place.path, "topics.json")).mode & 0o777).toBe(0o600);
    writeFileSync(join(place.path, "topics.json"), '["a", 1]');
    const logged: string[] = [];
    expect([...new KeptList(place.path, "topics.json", (text) => void logged.push(text)).items]).toEqual([]);
    expect(logged.join()).toContain("[1]");
    expect(readFileSync(join(place.path, "topics.json.damaged"), "utf8")).toBe('["a", 1]');
  });
});

describe("users", () => {
  const none = { publish: [], subscribe: [] };

  test("come in with their password only, which is kept as a hash in a file of its owner", async () => {
    using place = folder();
    const file = join(place.path, "users.json");
    await putUser(file, "lamp", { password: "secret", publish: ["a/%u"], subscribe: [] });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, "utf8")).not.toContain("secret");
    const users = new Users(file, () => {});
    const verify = async (name: string, password: string) => await users.verify(name, Buffer.from(password));
    expect(await verify("lamp", "secret")).toBeTrue();
    expect(await verify("lamp", "secret")).toBeTrue();
    expect(await verify("lamp", "Secret")).toBeFalse();
    expect(await verify("lamp", "")).toBeFalse();
    expect(await verify("other", "secret")).toBeFalse();
    expect(await verify("__proto__", "secret")).toBeFalse();
    expect(users.rightsOf("lamp")?.publish).toEqual(["a/%u"]);
    expect(users.anonymous).toBeUndefined();
  });

  test("are read again when the file has changed", async () => {
    using place = folder();
    const file = join(place.path, "users.json");
    await putUser(file, "lamp", { password: "old", ...none });
    const users = new Users(file, () => {});
    expect(await users.verify("lamp", Buffer.from("old"))).toBeTrue();
    await putUser(file, "lamp", { password: "new", ...none });
    utimesSync(file, 1, 1);
    expect(await users.verify("lamp", Buffer.from("old"))).toBeFalse();
    expect(await users.verify("lamp", Buffer.from("new"))).toBeTrue();
  });

  test("are refused when others can read the file, or a right is no filter", async () => {
    using place = folder();
    const file = join(place.path, "users.json");
    await putUser(file, "lamp", { password: "secret", ...none });
    chmodSync(file, 0o644);
    expect(() => readUsers(file)).toThrow("0600");
    chmodSync(file, 0o600);
    expect(putUser(file, "b", { password: "x", publish: ["a/#/b"], subscribe: [] })).rejects.toThrow(
      "no filter",
    );
  });
});
