import { expect, test } from "bun:test";
import { SampanError } from "../../src/base/errors.ts";
import type { ImageInspect, ImageSummary } from "../../src/spec/docker/images.ts";
import { now, sampan } from "./_world.ts";

const alpineId = `sha256:${"a1".repeat(32)}`;
const digest = `sha256:${"d1".repeat(32)}`;
const seconds = now.getTime() / 1000;

const alpine: ImageSummary = {
  Id: alpineId,
  ParentId: "",
  RepoTags: ["alpine:3.20", "localhost:5000/mine:1"],
  RepoDigests: [`alpine@${digest}`],
  Created: seconds - 3 * 7 * 24 * 3600,
  Size: 7_834_567,
  SharedSize: -1,
  Labels: null,
  Containers: -1,
};
const dangling: ImageSummary = {
  ...alpine,
  Id: `sha256:${"b2".repeat(32)}`,
  RepoTags: [],
  RepoDigests: [],
  Created: 0,
  Size: 0,
};

const listing = { images: async () => [alpine, dangling] };

test("images prints docker's columns, a row for each name", async () => {
  const { status, out } = await sampan(["images"], { engine: listing });
  expect(status).toBe(0);
  expect(out).toBe(
    [
      "REPOSITORY            TAG       IMAGE ID       CREATED       SIZE",
      "alpine                3.20      a1a1a1a1a1a1   3 weeks ago   7.83MB",
      "localhost:5000/mine   1         a1a1a1a1a1a1   3 weeks ago   7.83MB",
      "<none>                <none>    b2b2b2b2b2b2   N/A           0B",
      "",
    ].join("\n"),
  );
});

test("images --digests has a column more", async () => {
  const { out } = await sampan(["images", "--digests"], { engine: listing });
  expect(out.split("\n")[0]).toMatch(/^REPOSITORY +TAG +DIGEST +IMAGE ID +CREATED +SIZE$/);
  expect(out.split("\n")[1]).toContain(digest);
  expect(out.split("\n")[2]).toContain("<none>");
});

test("images -q prints ids, whole ones with --no-trunc", async () => {
  const short = await sampan(["images", "-q"], { engine: listing });
  expect(short.out).toBe("a1a1a1a1a1a1\na1a1a1a1a1a1\nb2b2b2b2b2b2\n");
  const whole = await sampan(["images", "-q", "--no-trunc"], { engine: listing });
  expect(whole.out.split("\n")[0]).toBe(alpineId);
});

test("images takes templates, tables of templates and json", async () => {
  const engine = listing;
  const plain = await sampan(["images", "--format", "{{.Repository}}:{{.Tag}} {{upper .Size}}"], { engine });
  expect(plain.out.split("\n")[0]).toBe("alpine:3.20 7.83MB");
  const table = await sampan(["images", "--format", "table {{.ID}}\\t{{.Tag}}"], { engine });
  expect(table.out.split("\n").slice(0, 2)).toEqual(["IMAGE ID       TAG", "a1a1a1a1a1a1   3.20"]);
  const json = await sampan(["images", "--format", "json"], { engine });
  expect(JSON.parse(json.out.split("\n")[0] ?? "")).toMatchObject({ Repository: "alpine", Tag: "3.20" });
  const api = await sampan(["images", "--json"], { engine });
  expect(JSON.parse(api.out)).toEqual([alpine, dangling]);
});

test("images hands filters and the repository to the engine, and refuses an unknown filter", async () => {
  let asked: unknown;
  const engine = {
    images: async (options: unknown) => {
      asked = options;
      return [];
    },
  };
  await sampan(["images", "-a", "-f", "dangling=true", "--filter", "label=a=b", "alp*"], { engine });
  expect(asked).toEqual({
    all: true,
    filters: { dangling: ["true"], label: ["a=b"], reference: ["alp*"] },
  });
  const wrong = await sampan(["images", "-f", "dangeling=true"], { engine });
  expect(wrong.status).toBe(1);
  expect(wrong.err).toBe('Error: cannot use filter "dangeling=true": did you mean dangling\n');
});

test("a wrong template is refused with its place, and an unknown field names the known ones", async () => {
  const open = await sampan(["images", "--format", "{{.ID"], { engine: listing });
  expect(open).toMatchObject({ status: 1, out: "" });
  expect(open.err).toContain("line 1, column 1");
  const field = await sampan(["images", "--format", "{{.Foo}}"], { engine: listing });
  expect(field.err).toContain('no field "Foo"; there are Repository, Tag');
});

test("pull prints docker's lines and closes the engine", async () => {
  const ran = await sampan(["--root", "/data", "pull", "--platform", "linux/arm64", "alpine"], {
    engine: {
      pull: async (reference, { platform, onStep }) => {
        expect({ reference, platform }).toEqual({ reference: "alpine", platform: "linux/arm64" });
        onStep?.({ status: "latest: Pulling from library/alpine" });
        onStep?.({ id: "9824c27679d3", status: "Pulling fs layer" });
        onStep?.({ id: "9824c27679d3", status: "Downloading", current: 1, total: 2 });
        onStep?.({ id: "9824c27679d3", status: "Pull complete" });
        onStep?.({ id: "9824c27679d3", status: "Pull complete" });
        return { id: alpineId, digest, upToDate: false };
      },
    },
  });
  expect(ran.out.split("\n")).toEqual([
    "Using default tag: latest",
    "latest: Pulling from library/alpine",
    "9824c27679d3: Pulling fs layer",
    "9824c27679d3: Pull complete",
    `Digest: ${digest}`,
    "Status: Downloaded newer image for alpine:latest",
    "docker.io/library/alpine:latest",
    "",
  ]);
  expect(ran).toMatchObject({ status: 0, err: "", closed: true, place: { root: "/data" } });
});

test("pull -q prints the name alone", async () => {
  const engine = { pull: async () => ({ id: alpineId, digest, upToDate: true }) };
  const { out } = await sampan(["pull", "-q", "localhost:5000/a/b:1"], { engine });
  expect(out).toBe("localhost:5000/a/b:1\n");
});

test("pull -a ends with the repository's name, which has no tag", async () => {
  const engine = { pull: async () => ({ id: alpineId, digest, upToDate: false }) };
  const { out } = await sampan(["pull", "-a", "localhost:5000/multi"], { engine });
  expect(out).toEndWith("Status: Downloaded newer image for localhost:5000/multi\nlocalhost:5000/multi\n");
});

test("pull on a terminal draws bars and gives the cursor back, also when it fails", async () => {
  const { status, out, err } = await sampan(["pull", "alpine:1"], {
    outTerminal: { columns: 80, rows: 24 },
    engine: {
      pull: async (_, { onStep }) => {
        onStep?.({ id: "9824c27679d3", status: "Downloading", current: 5_000_000, total: 10_000_000 });
        throw new SampanError("unavailable", 'cannot pull image "alpine:1": the registry went away');
      },
    },
  });
  expect(status).toBe(1);
  expect(out).toContain("9824c27679d3: Downloading [");
  expect(out).toContain("5MB/10MB");
  expect(out.lastIndexOf("\u001b[?25h")).toBeGreaterThan(out.lastIndexOf("\u001b[?25l"));
  expect(err).toBe('Error: cannot pull image "alpine:1": the registry went away\n');
});

test("Ctrl-C ends a verb with 130 and no error text", async () => {
  const controller = new AbortController();
  const { status, err } = await sampan(["pull", "-q", "alpine"], {
    signal: controller.signal,
    engine: {
      pull: async (_, { signal }) => {
        controller.abort();
        signal?.throwIfAborted();
        throw new Error("not reached");
      },
    },
  });
  expect({ status, err }).toEqual({ status: 130, err: "" });
});

test("rmi goes on after one that fails, and exits with 1", async () => {
  const engine = {
    removeImage: async (reference: string) => {
      if (reference === "gone") throw new SampanError("not_found", 'cannot find image "gone": no such image');
      return [{ Untagged: `${reference}:latest` }, { Deleted: alpineId }];
    },
  };
  const ran = await sampan(["rmi", "gone", "alpine"], { engine });
  expect(ran.status).toBe(1);
  expect(ran.out).toBe(`Untagged: alpine:latest\nDeleted: ${alpineId}\n`);
  expect(ran.err).toBe('Error: cannot find image "gone": no such image\n');
  expect((await sampan(["rmi", "-f", "gone"], { engine })).status).toBe(0);
});

test("tag is silent and hands both names over", async () => {
  let names: readonly string[] = [];
  const engine = {
    tag: async (a: string, b: string) => {
      names = [a, b];
    },
  };
  expect(await sampan(["image", "tag", "a", "b:1"], { engine })).toMatchObject({
    status: 0,
    out: "",
    err: "",
  });
  expect(names).toEqual(["a", "b:1"]);
});

const inspected = {
  Id: alpineId,
  Architecture: "amd64",
  Config: { Env: ["PATH=/bin"], Labels: { a: "b" } },
  RootFS: { Type: "layers", Layers: ["sha256:1", "sha256:2"] },
} as unknown as ImageInspect;

test("inspect prints an array, and a template for each", async () => {
  const engine = {
    inspectImage: async (name: string) => {
      if (name === "gone") throw new SampanError("not_found", 'cannot find image "gone": no such image');
      return inspected;
    },
  };
  const all = await sampan(["image", "inspect", "alpine", "gone"], { engine });
  expect(JSON.parse(all.out)).toEqual([inspected]);
  expect(all.status).toBe(1);
  const labels =
    '{{.Config.Labels.a}} {{.Config.Labels.c}} {{index .Config.Labels "c"}}|{{len .RootFS.Layers}}';
  const field = await sampan(["image", "inspect", "-f", labels, "alpine"], { engine });
  expect(field.out).toBe("b <no value> |2\n");
  expect(all.out).not.toContain("Variant");
  const optional =
    "{{.Variant}}|{{.Config.User}}|{{.Config.Cmd}}|{{json .Config.Entrypoint}}|{{range .Config.OnBuild}}x{{end}}|{{len .Config.ExposedPorts}}";
  const zero = await sampan(["image", "inspect", "-f", optional, "alpine"], { engine });
  expect(zero).toMatchObject({ out: "||[]|null||0\n", err: "" });
  const unknown = await sampan(["image", "inspect", "-f", "{{.Varant}}", "alpine"], { engine });
  expect(unknown.err).toContain('no field "Varant"');
});

test("history cuts commands, and is exact when asked", async () => {
  const engine = {
    history: async () => [
      {
        Id: alpineId,
        Created: seconds - 7200,
        CreatedBy: `RUN ${"x".repeat(60)}`,
        Tags: null,
        Size: 1234,
        Comment: "c",
      },
      {
        Id: "<missing>",
        Created: seconds - 7200,
        CreatedBy: "ADD\trootfs /",
        Tags: null,
        Size: 0,
        Comment: "",
      },
    ],
  };
  const short = (await sampan(["history", "a"], { engine })).out.split("\n");
  expect(short[0]).toMatch(/^IMAGE +CREATED +CREATED BY +SIZE +COMMENT$/);
  expect(short[1]).toMatch(/^a1a1a1a1a1a1 +2 hours ago +RUN x+… +1.23kB +c$/);
  expect(short[2]).toMatch(/^<missing> +2 hours ago +ADD rootfs \/ +0B/);
  const exact = (await sampan(["history", "--human=false", "--no-trunc", "a"], { engine })).out;
  expect(exact).toContain("x".repeat(60));
  expect(exact).toContain(" 1234 ");
});

test("prune asks, takes no for an answer, and refuses where nobody can be asked", async () => {
  const engine = { pruneImages: async () => ({ deleted: [{ Deleted: alpineId }], reclaimed: 5_000_000 }) };
  const no = await sampan(["image", "prune"], { engine, answers: ["n"] });
  expect(no).toMatchObject({ status: 0, out: "", place: undefined });
  const yes = await sampan(["image", "prune"], { engine, answers: ["y"] });
  expect(yes.out).toBe(`Deleted Images:\ndeleted: ${alpineId}\n\nTotal reclaimed space: 5MB\n`);
  const nobody = await sampan(["image", "prune"], { engine });
  expect(nobody).toMatchObject({ status: 1, place: undefined });
  expect(nobody.err).toContain("use --force");
  expect((await sampan(["image", "prune", "-f"], { engine })).status).toBe(0);
});
