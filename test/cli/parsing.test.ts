import { expect, test } from "bun:test";
import { sampan } from "./_world.ts";

test("without a command, with --help and with help, the commands are listed", async () => {
  for (const args of [[], ["--help"], ["help"], ["-h"]]) {
    const { status, out, err } = await sampan(args);
    expect({ status, err }).toEqual({ status: 0, err: "" });
    for (const name of ["pull", "images", "run", "system", "runtime"])
      expect(out).toMatch(new RegExp(`^  ${name} `, "m"));
  }
});

test("an unknown command names the nearest one and exits with 1", async () => {
  expect(await sampan(["imagess"])).toMatchObject({
    status: 1,
    err: `Error: unknown command: sampan imagess; did you mean "sampan images"?\n\nRun 'sampan --help' for more information\n`,
  });
  const within = (await sampan(["image", "hsitory"])).err;
  expect(within).toContain('did you mean "sampan image history"?');
  expect(within).toContain("Run 'sampan image --help' for more information");
  expect((await sampan(["zzz"])).err).not.toContain("did you mean");
  expect((await sampan(["constructor"])).status).toBe(1);
});

test("an unknown flag names the nearest one and the usage, and exits with 125", async () => {
  const { status, err } = await sampan(["images", "--no-trnc"]);
  expect(status).toBe(125);
  expect(err).toBe(
    "Error: unknown flag: --no-trnc; did you mean --no-trunc?\n\nUsage:  sampan images [OPTIONS] [REPOSITORY[:TAG]]\n\nRun 'sampan images --help' for more information\n",
  );
});

test("a wrong count of words names what is wanted", async () => {
  expect(await sampan(["pull"])).toMatchObject({ status: 1 });
  expect((await sampan(["pull"])).err).toContain("'sampan pull' requires 1 argument\n");
  expect((await sampan(["rmi"])).err).toContain("requires at least 1 argument");
  expect((await sampan(["load", "x"])).err).toContain("accepts no arguments");
  expect((await sampan(["run"])).status).toBe(125);
});

test("what docker has and Sampan has not says so by name", async () => {
  expect((await sampan(["build", "."])).err).toBe('Error: sampan has no "build" yet: building images\n');
  expect((await sampan(["-c", "other", "images"])).err).toContain("cannot use -c: Sampan has no contexts");
});

test("help of a command and of a group come in each spelling", async () => {
  const texts = await Promise.all(
    [
      ["help", "pull"],
      ["pull", "--help"],
      ["pull", "-h"],
      ["pull", "alpine", "--help"],
    ].map((args) => sampan(args)),
  );
  for (const { out, status } of texts)
    expect({ status, out }).toEqual({ status: 0, out: texts[0]?.out ?? "" });
  expect((await sampan(["image"])).out).toBe((await sampan(["help", "image"])).out);
  expect((await sampan(["container", "list", "--help"])).out).toContain("Usage:  sampan container ls");
});

test("text from outside cannot steer the terminal through an error", async () => {
  expect((await sampan(["\u001b[2J"])).err).toContain(String.raw`\x1b[2J`);
});

test("version needs no engine", async () => {
  const { out, place } = await sampan(["version", "--format", "{{.Client.Version}}"]);
  expect(out).toMatch(/^\d+\.\d+\.\d+\n$/);
  expect(place).toBeUndefined();
  expect((await sampan(["-v"])).out).toStartWith("Sampan ");
});
