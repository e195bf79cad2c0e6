import { expect, test } from "bun:test";
import type { EngineClient } from "../../src/cli/client/client.ts";
import { sampan } from "./_world.ts";

function recorder(): { engine: Partial<EngineClient>; logins: unknown[] } {
  const logins: unknown[] = [];
  return {
    logins,
    engine: {
      login: async (registry, credentials) => {
        logins.push({ registry, ...credentials });
      },
      logout: async (registry) => registry === "known.example",
    },
  };
}

test("login asks for name and password, the password without echo", async () => {
  const { engine, logins } = recorder();
  const ran = await sampan(["login", "https://r.example:5000/v2/"], { engine, answers: ["me", "secret"] });
  expect(ran).toMatchObject({ status: 0, out: "Login Succeeded\n", err: "" });
  expect(ran.asked).toEqual([
    { question: "Username: ", hidden: false },
    { question: "Password: ", hidden: true },
  ]);
  expect(logins).toEqual([{ registry: "r.example:5000", username: "me", secret: "secret" }]);
});

test("login --password-stdin reads the password and cuts its line end", async () => {
  const { engine, logins } = recorder();
  await sampan(["login", "-u", "me", "--password-stdin"], { engine, input: "se cret \r\n" });
  expect(logins).toEqual([{ registry: "docker.io", username: "me", secret: "se cret " }]);
});

test("login -p warns, and wrong combinations are refused before anything is sent", async () => {
  const { engine, logins } = recorder();
  expect((await sampan(["login", "-u", "me", "-p", "x"], { engine })).err).toContain(
    "WARNING! Using --password",
  );
  const refused = [["--password-stdin"], ["-u", "a", "-p", "x", "--password-stdin"], ["-u", "a"], []];
  for (const args of refused)
    expect(await sampan(["login", ...args], { engine })).toMatchObject({ status: 1 });
  expect(await sampan(["login", "-u", "a", "--password-stdin"], { engine, input: "\n" })).toMatchObject({
    status: 1,
  });
  expect(await sampan(["login", "-u", "a"], { engine, answers: [""] })).toMatchObject({ status: 1 });
  const huge = await sampan(["login", "-u", "a", "--password-stdin"], { engine, input: "x".repeat(70_000) });
  expect(huge.err).toContain("more than 65536 bytes");
  expect(logins).toHaveLength(1);
});

test("logout says whether there was something to forget", async () => {
  const { engine } = recorder();
  expect((await sampan(["logout", "known.example"], { engine })).out).toBe(
    "Removing login credentials for known.example\n",
  );
  expect((await sampan(["logout", "index.docker.io"], { engine })).out).toBe("Not logged in to docker.io\n");
});

test("search prints docker's columns, filters, and shows no control characters", async () => {
  const result = { name: "alpine", description: "small\n\u001b[31mimage", star_count: 10, is_official: true };
  const other = { name: "me/alpine", description: "x".repeat(60), star_count: 1, is_official: false };
  const engine = { search: async () => [result, other] };
  const lines = (await sampan(["search", "alpine"], { engine })).out.split("\n");
  expect(lines[0]).toMatch(/^NAME +DESCRIPTION +STARS +OFFICIAL$/);
  expect(lines[1]).toMatch(/^alpine +small \\x1b\[31mimage +10 +\[OK\]$/);
  expect(lines[2]).toContain(`${"x".repeat(44)}…`);
  const official = await sampan(["search", "-f", "is-official=true", "--format", "{{.Name}}", "alpine"], {
    engine,
  });
  expect(official.out).toBe("alpine\n");
  expect((await sampan(["search", "--limit", "1000", "x"], { engine })).status).toBe(1);
});
