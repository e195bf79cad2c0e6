import { describe, expect, test } from "bun:test";
import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { basic, codeOf, dockerConfig, image, open, plainSettings } from "./_client.ts";
import { guarded, servingImage, startMock, type Behaviour } from "./mock.ts";

const honest = servingImage(image);

/** A registry that wants the tokens that its server gives, `token-1` and so on. */
async function tokenRegistry(options: { life?: number; server?: Behaviour } = {}) {
  let given = 0;
  const server = await startMock(
    options.server ??
      (() => ({ body: JSON.stringify({ token: `token-${++given}`, expires_in: options.life ?? 300 }) })),
  );
  const registry = await startMock((request) => {
    const challenge = `Bearer realm="${server.url}/token",service="the service",scope="ignored"`;
    return guarded(`Bearer token-${Math.max(given, 1)}`, challenge, honest)(request);
  });
  return {
    server,
    registry,
    revoke: () => void given++,
    [Symbol.dispose]() {
      server[Symbol.dispose]();
      registry[Symbol.dispose]();
    },
  };
}

function queryOf(path: string): URLSearchParams {
  return new URL(path, "http://x").searchParams;
}

describe("tokens", () => {
  test("an anonymous client gets one for its scope, and keeps it", async () => {
    using place = await tokenRegistry();
    const repository = open({}).pulling(place.registry.host);
    await repository.manifest("1");
    await repository.manifest("1");
    const [asked] = place.server.requests;
    expect(queryOf(asked?.path ?? "").get("service")).toBe("the service");
    expect(queryOf(asked?.path ?? "").getAll("scope")).toEqual(["repository:library/app:pull"]);
    expect(asked?.headers["authorization"]).toBeUndefined();
    expect(place.server.requests.length).toBe(1);
  });

  test("one who is known asks with the password, and the registry never sees that", async () => {
    using place = await tokenRegistry();
    using config = dockerConfig({ auths: { [place.registry.host]: { auth: btoa("somebody:a:b") } } });
    await open({}, { dockerConfig: config.folder }).pushing(place.registry.host).manifest("1");
    const [asked] = place.server.requests;
    expect(asked?.headers["authorization"]).toBe(basic("somebody", "a:b"));
    expect(queryOf(asked?.path ?? "").get("account")).toBe("somebody");
    expect(queryOf(asked?.path ?? "").get("scope")).toBe("repository:library/app:pull,push");
    const seen = place.registry.requests.map(({ headers }) => headers["authorization"] ?? "");
    expect(seen.filter((header) => header.startsWith("Basic"))).toEqual([]);
  });

  test("an identity token is posted as a refresh token", async () => {
    using place = await tokenRegistry();
    const entry = { auth: btoa("somebody:"), identitytoken: "refresh me" };
    using config = dockerConfig({ auths: { [place.registry.host]: entry } });
    await open({}, { dockerConfig: config.folder }).pulling(place.registry.host).manifest("1");
    const [asked] = place.server.requests;
    expect(asked?.method).toBe("POST");
    expect(Object.fromEntries(new URLSearchParams(Buffer.from(asked?.body ?? []).toString()))).toEqual({
      grant_type: "refresh_token",
      client_id: "sampan",
      refresh_token: "refresh me",
      service: "the service",
      scope: "repository:library/app:pull",
    });
  });

  test("a token that the registry refuses is replaced once", async () => {
    using place = await tokenRegistry();
    const repository = open({}).pulling(place.registry.host);
    await repository.manifest("1");
    place.revoke();
    place.revoke();
    expect(await codeOf(repository.manifest("1"))).toBe("none");
    expect(place.server.requests.length).toBe(2);
  });

  test("many requests at once ask for one token", async () => {
    using place = await tokenRegistry();
    const repository = open({}).pulling(place.registry.host);
    await repository.manifest("1");
    const before = place.server.requests.length;
    await Promise.all(Array.from({ length: 8 }, () => repository.manifest("1")));
    expect(place.server.requests.length).toBe(before);
    place.revoke();
    await Promise.all(Array.from({ length: 8 }, () => repository.manifest("1")));
    expect(place.server.requests.length).toBe(before + 1);
  });

  test.each([
    ["no JSON", "<html>"],
    ["no token", "{}"],
    ["null", "null"],
    ["a token that would end its header", '{"token":"a\\r\\nX-Evil: 1"}'],
  ])("an answer with %s is unavailable", async (_name, body) => {
    using place = await tokenRegistry({ server: () => ({ body }) });
    expect(await codeOf(open({}).pulling(place.registry.host).manifest("1"))).toBe("unavailable");
  });

  test("a token server that refuses is unauthenticated", async () => {
    using place = await tokenRegistry({ server: () => ({ status: 401 }) });
    expect(await codeOf(open({}).pulling(place.registry.host).manifest("1"))).toBe("unauthenticated");
  });

  test("a token server without TLS that is not on this machine is not asked", async () => {
    using config = dockerConfig({ auths: {} });
    using mock = await startMock(guarded("x", 'Bearer realm="http://token.example/"', honest));
    const { pulling } = open({}, { dockerConfig: config.folder });
    expect(await codeOf(pulling(mock.host).manifest("1"))).toBe("permission_denied");
  });
});

describe("logins", () => {
  test("a challenge that nobody knows is unauthenticated", async () => {
    using mock = await startMock(guarded("x", "Negotiate abc==", honest));
    expect(await codeOf(open({}).pulling(mock.host).manifest("1"))).toBe("unauthenticated");
  });

  test("a login tries what it is given, not what is kept", async () => {
    using mock = await startMock(guarded(basic("me", "right"), 'Basic realm="x"', () => ({})));
    using config = dockerConfig({ auths: { [mock.host]: { auth: btoa("me:wrong") } } });
    const { registries } = open({}, { dockerConfig: config.folder });
    await registries.login(mock.host, { username: "me", secret: "right" });
    expect(await codeOf(registries.login(mock.host, { username: "me", secret: "no" }))).toBe(
      "unauthenticated",
    );
  });
});

describe("credential helpers", () => {
  test("a helper is asked with the registry on its standard input", async () => {
    using mock = await startMock(guarded(basic("helped", "secret"), "Basic", honest));
    using config = dockerConfig({ credHelpers: { [mock.host]: "sampan-test" } });
    const program = join(config.folder, "docker-credential-sampan-test");
    writeFileSync(
      program,
      '#!/bin/sh\nread server\necho "$1 $server" >> "$0.log"\necho \'{"Username":"helped","Secret":"secret"}\'\n',
    );
    chmodSync(program, 0o755);
    const path = process.env["PATH"];
    process.env["PATH"] = `${config.folder}:${path}`;
    try {
      await open({}, { dockerConfig: config.folder }).pulling(mock.host).manifest("1");
    } finally {
      process.env["PATH"] = path;
    }
    expect(existsSync(`${program}.log`)).toBe(true);
    expect(readFileSync(`${program}.log`, "utf8").split("\n")[0]).toBe(`get ${mock.host}`);
    expect(statSync(program).mode & 0o777).toBe(0o755);
  });

  test("a helper that is not there fails the call", async () => {
    using mock = await startMock(guarded("x", "Basic", honest));
    using config = dockerConfig({ credsStore: "sampan-none" });
    expect(await codeOf(open({}, { dockerConfig: config.folder }).pulling(mock.host).manifest("1"))).toBe(
      "failed_precondition",
    );
  });

  test("a helper's name is no path", async () => {
    using mock = await startMock(guarded("x", "Basic", honest));
    using config = dockerConfig({ credsStore: "../../bin/sh" });
    expect(await codeOf(open({}, { dockerConfig: config.folder }).pulling(mock.host).manifest("1"))).toBe(
      "failed_precondition",
    );
  });
});

test("without settings a loopback registry is asked by HTTPS first", async () => {
  using mock = await startMock(honest);
  expect(await codeOf(open({}).pulling(mock.host).manifest("1"))).toBe("none");
  using setting = await startMock(honest);
  expect(
    await codeOf(
      open({ [setting.host]: { ...plainSettings, http: false } })
        .pulling(setting.host)
        .manifest("1"),
    ),
  ).toBe("none");
});
