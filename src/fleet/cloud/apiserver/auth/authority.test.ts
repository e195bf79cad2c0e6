import { afterAll, expect, test } from "bun:test";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SampanError } from "../../../../base/errors.ts";
import { openAuthority } from "./authority.ts";

const top = mkdtempSync(join(tmpdir(), "sampan-authority-"));
afterAll(() => rmSync(top, { recursive: true }));
let count = 0;
const folderOf = () => join(top, String((count += 1)));

const begin = Date.UTC(2026, 10, 21);
const day = 86_400_000;
const at = (days: number) => () => begin + days * day;

async function refusal(work: Promise<unknown>): Promise<SampanError> {
  return work.then(
    () => {
      throw new Error("it was not refused");
    },
    (error: unknown) => SampanError.from(error),
  );
}

test("a new authority keeps its keys for its owner alone", async () => {
  const folder = folderOf();
  const authority = await openAuthority({ folder, now: at(0) });
  await authority.server();
  expect(statSync(folder).mode & 0o777).toBe(0o700);
  for (const name of ["ca.key", "sa.key", "server.key"])
    expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
});

test("the server's certificate has the usual names and those asked for, and is signed for ten years' authority", async () => {
  const authority = await openAuthority({
    folder: folderOf(),
    names: ["Cloud.Example.com", "192.0.2.7", "2001:DB8::1", "[2001:db8::2]"],
    now: at(0),
  });
  const certificate = new X509Certificate((await authority.server()).certificate);
  const ca = new X509Certificate(authority.ca);
  expect(ca.ca).toBe(true);
  expect(certificate.ca).toBe(false);
  expect(certificate.verify(ca.publicKey)).toBe(true);
  expect(certificate.keyUsage).toEqual(["1.3.6.1.5.5.7.3.1"]);
  for (const host of ["localhost", "kubernetes.default.svc", "kubernetes", "cloud.example.com"])
    expect(certificate.checkHost(host)).toBe(host);
  for (const address of ["127.0.0.1", "::1", "192.0.2.7", "2001:db8::1", "2001:db8::2"])
    expect(certificate.checkIP(address)).toBe(address);
  expect(certificate.checkHost("example.org")).toBeUndefined();
});

test("opened again it is the same authority with the same server certificate", async () => {
  const folder = folderOf();
  const first = await openAuthority({ folder, names: ["a.example"], now: at(0) });
  const shown = await first.server();
  const second = await openAuthority({ folder, names: ["a.example"], now: at(200) });
  expect(second.ca).toBe(first.ca);
  expect(await second.server()).toEqual(shown);
  expect(second.tokens.jwks).toEqual(first.tokens.jwks);
});

test("the server's certificate is made again near its end, for other names, and when it is damaged", async () => {
  const folder = folderOf();
  const first = await (await openAuthority({ folder, names: ["a.example"], now: at(0) })).server();
  const late = await openAuthority({ folder, names: ["a.example"], now: at(310) });
  const second = await late.server();
  expect(second.certificate).not.toBe(first.certificate);
  expect(await late.server()).toEqual(second);
  const third = await (await openAuthority({ folder, names: ["b.example"], now: at(310) })).server();
  expect(new X509Certificate(third.certificate).checkHost("b.example")).toBe("b.example");
  expect(new X509Certificate(third.certificate).checkHost("a.example")).toBeUndefined();
  writeFileSync(join(folder, "server.key"), "nothing");
  const fourth = await (await openAuthority({ folder, names: ["b.example"], now: at(310) })).server();
  expect(new X509Certificate(fourth.certificate).checkPrivateKey(createPrivateKey(fourth.key))).toBe(true);
});

test("a client's certificate carries its name and all groups, and nothing of a server", async () => {
  const authority = await openAuthority({ folder: folderOf(), now: at(0) });
  const pair = await authority.issueClient({ user: "jane, of +=ops", groups: ["a", "b:c"], seconds: 3600 });
  const certificate = new X509Certificate(pair.certificate);
  const { subject } = certificate.toLegacyObject() as { subject: Record<string, unknown> };
  expect(subject["CN"]).toBe("jane, of +=ops");
  expect(subject["O"]).toEqual(["a", "b:c"]);
  expect(certificate.keyUsage).toEqual(["1.3.6.1.5.5.7.3.2"]);
  expect(Date.parse(certificate.validTo)).toBe(begin + 3_600_000);
  expect(certificate.checkPrivateKey(createPrivateKey(pair.key))).toBe(true);
});

test("no certificate outlives the authority", async () => {
  const authority = await openAuthority({ folder: folderOf(), now: at(0) });
  const pair = await authority.issueClient({ user: "a", seconds: 20 * 365 * 86_400 });
  expect(new X509Certificate(pair.certificate).validTo).toBe(new X509Certificate(authority.ca).validTo);
});

test("serial numbers are positive, long, and differ", async () => {
  const authority = await openAuthority({ folder: folderOf(), now: at(0) });
  const serials = await Promise.all(
    Array.from(
      { length: 8 },
      async () => new X509Certificate((await authority.issueClient({ user: "a" })).certificate).serialNumber,
    ),
  );
  expect(new Set(serials).size).toBe(8);
  for (const serial of serials) expect(serial).toMatch(/^[4-7][0-9A-F]{31}$/);
});

const damages = [
  ["ca.crt", "nothing", /ca\.crt": it is damaged: wanted a certificate/],
  ["ca.key", "nothing", /ca\.key": it is damaged: wanted a private key/],
  ["sa.key", "", /sa\.key": it is damaged: wanted a private key/],
  ["ca.key", undefined, /ca\.key": it is not there, but its certificate is/],
  ["sa.key", undefined, /sa\.key": it is not there, but the authority is/],
] as const;
for (const [name, text, words] of damages)
  test(`${name} ${text === undefined ? "missing" : `with "${text}"`} is refused by name, and not made anew`, async () => {
    const folder = folderOf();
    await openAuthority({ folder, now: at(0) });
    if (text === undefined) rmSync(join(folder, name));
    else writeFileSync(join(folder, name), text);
    const error = await refusal(openAuthority({ folder, now: at(0) }));
    expect(error.code).toBe("data_loss");
    expect(error.message).toMatch(words);
  });

test("the key of another authority is refused", async () => {
  const [folder, other] = [folderOf(), folderOf()];
  await openAuthority({ folder, now: at(0) });
  await openAuthority({ folder: other, now: at(0) });
  writeFileSync(join(folder, "ca.key"), readFileSync(join(other, "ca.key")));
  expect((await refusal(openAuthority({ folder, now: at(0) }))).message).toContain(
    "it is not the key of the certificate",
  );
});

test("a start that was cut off before the authority was whole begins again", async () => {
  const folder = folderOf();
  await openAuthority({ folder, now: at(0) });
  rmSync(join(folder, "ca.crt"));
  const again = await openAuthority({ folder, now: at(0) });
  expect(new X509Certificate(again.ca).ca).toBe(true);
});

const clocks = [
  ["before the authority was made", -2, "was made later"],
  ["after its end", 3651, "ended"],
] as const;
for (const [name, days, words] of clocks)
  test(`a clock ${name} is told`, async () => {
    const folder = folderOf();
    await openAuthority({ folder, now: at(0) });
    const error = await refusal(openAuthority({ folder, now: at(days) }));
    expect(error.code).toBe("failed_precondition");
    expect(error.message).toContain(words);
    expect(error.message).toContain("set the clock");
  });

test("a clock that never was set makes no authority", async () => {
  const error = await refusal(openAuthority({ folder: folderOf(), now: () => 0 }));
  expect(error.message).toContain("1970-01-01");
  expect(error.code).toBe("failed_precondition");
});

for (const name of ["", "a b", "-a", "a..b", "1.2.3.4.5/6", "a_b"])
  test(`"${name}" is no name for the server`, async () => {
    const error = await refusal(openAuthority({ folder: folderOf(), names: [name] }));
    expect(error.code).toBe("invalid_argument");
  });
