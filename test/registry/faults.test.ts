import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { blob } from "../images/image.ts";
import { bytesOf, codeOf, dockerConfig, image, layer, open, plainSettings } from "./_client.ts";
import { servingImage, startMock, type Behaviour, type MockAnswer } from "./mock.ts";
import { freePort } from "./port.ts";

const honest = servingImage(image);

function refusing(status: number, code: string, message: string): MockAnswer {
  return { status, body: JSON.stringify({ errors: [{ code, message }] }) };
}

/** A mock that answers `lie` for layers or manifests, and honestly for the rest. */
async function lying(kind: "blobs" | "manifests", lie: (honestly: MockAnswer) => MockAnswer) {
  const mock = await startMock((request) =>
    request.path.includes(`/${kind}/`) ? lie(honest(request)) : honest(request),
  );
  const opened = open({ [mock.host]: plainSettings });
  return { mock, ...opened, repository: opened.pulling(mock.host) };
}

describe("trying again", () => {
  test.each([408, 429, 500, 502, 503, 504])("status %d is tried again until it gives in", async (status) => {
    using mock = await startMock((request) => (request.earlier < 3 ? { status } : honest(request)));
    const { pulling, pauses } = open({ [mock.host]: plainSettings });
    expect((await pulling(mock.host).manifest("1")).descriptor).toEqual(image.manifest.descriptor);
    expect(pauses).toEqual([375, 750, 1500]);
  });

  test("a registry that never gives in is asked five times", async () => {
    using mock = await startMock(() => ({ status: 503 }));
    const { pulling } = open({ [mock.host]: plainSettings });
    expect(await codeOf(pulling(mock.host).manifest("1"))).toBe("unavailable");
    expect(mock.requests.length).toBe(5);
  });

  test("a port where nobody listens is told in words", async () => {
    const host = `127.0.0.1:${await freePort()}`;
    const { pulling } = open({ [host]: plainSettings });
    expect(pulling(host).manifest("1")).rejects.toThrow(`connection refused: nothing listens at "${host}"`);
  });

  test("Retry-After is obeyed, and one that is too long ends it", async () => {
    using mock = await startMock((request) =>
      request.earlier === 0 ? { status: 429, headers: { "Retry-After": "7" } } : honest(request),
    );
    const { pulling, pauses } = open({ [mock.host]: plainSettings });
    await pulling(mock.host).manifest("1");
    expect(pauses).toEqual([7000]);
    using patient = await startMock(() => ({ status: 429, headers: { "Retry-After": "9999" } }));
    const other = open({ [patient.host]: plainSettings });
    expect(await codeOf(other.pulling(patient.host).manifest("1"))).toBe("unavailable");
    expect(patient.requests.length).toBe(1);
  });

  test("a refusal says what is not there, or why, in the registry's words", async () => {
    const answers: Record<string, MockAnswer> = {
      tag: refusing(404, "MANIFEST_UNKNOWN", "manifest unknown"),
      repository: refusing(404, "NAME_UNKNOWN", "repository name not known to registry"),
      mute: { status: 404 },
      limit: refusing(429, "TOOMANYREQUESTS", "You have reached your pull rate limit\n\u001b[2J\u2028now"),
      long: refusing(403, "DENIED", "x".repeat(5000)),
      broken: { status: 503, body: JSON.stringify({ message: "down for the night" }) },
      odd: { status: 500, body: "[null" },
    };
    using mock = await startMock(({ path, method }) => {
      const { status = 200, body = "" } = answers[path.replace(/.*\//, "")] ?? {};
      return method === "HEAD" ? { status } : { status, body };
    });
    const repository = open({ [mock.host]: plainSettings }).pulling(mock.host);
    const told = async (name: string) => {
      expect(await repository.resolve(name)).toBeUndefined();
      const error: unknown = await repository.manifest(name).catch((thrown: unknown) => thrown);
      return (error as Error).message.replaceAll(mock.host, "HOST");
    };
    expect(await told("tag")).toBe(
      'registry "HOST" has no such tag or digest: MANIFEST_UNKNOWN, manifest unknown',
    );
    expect(await told("repository")).toBe(
      'registry "HOST" has no such repository: NAME_UNKNOWN, repository name not known to registry',
    );
    expect(await told("mute")).toBe('registry "HOST" has no such repository or tag');
    expect(await told("limit")).toEndWith(
      "with status 429: TOOMANYREQUESTS, You have reached your pull rate limit \\x1b[2J\\u2028now",
    );
    expect((await told("long")).length).toBeLessThan(500);
    expect(await told("broken")).toEndWith("with status 503: down for the night");
    expect(await told("odd")).toEndWith("with status 500");
  });

  test("a connection that nobody takes is tried again", async () => {
    const { pulling, pauses } = open({ "127.0.0.1:1": plainSettings });
    expect(await codeOf(pulling("127.0.0.1:1").manifest("1"))).toBe("unavailable");
    expect(pauses.length).toBe(4);
  });

  test.each([
    [400, "invalid_argument"],
    [403, "permission_denied"],
    [404, "not_found"],
    [410, "unknown"],
  ])("status %d is not tried again", async (status, code) => {
    using mock = await startMock(() => ({
      status,
      body: '{"errors":[{"code":"X","message":"why\\u001b[2J"}]}',
    }));
    const { pulling } = open({ [mock.host]: plainSettings });
    const failed = pulling(mock.host).manifest("1");
    expect(await codeOf(failed)).toBe(code);
    expect(await failed.catch((error: Error) => error.message)).toContain(": X, why\\x1b[2J");
    expect(mock.requests.length).toBe(1);
  });
});

describe("a registry that stalls or cuts", () => {
  test("a manifest or a list that is cut is asked for again", async () => {
    using mock = await startMock((request) => {
      const whole = request.path.includes("/tags/") ? { body: '{"tags":["a"]}' } : honest(request);
      return request.earlier === 0 ? { ...whole, cutAfter: 5 } : whole;
    });
    const repository = open({ [mock.host]: plainSettings }).pulling(mock.host);
    expect((await repository.manifest("1")).descriptor).toEqual(image.manifest.descriptor);
    expect(await repository.tags()).toEqual(["a"]);
    expect(mock.requests.length).toBe(4);
  });

  test("no head is deadline_exceeded", async () => {
    using mock = await startMock(() => ({ silent: true }));
    const { pulling } = open({ [mock.host]: plainSettings }, { idle: 50 });
    expect(await codeOf(pulling(mock.host).manifest("1"))).toBe("deadline_exceeded");
  });

  test("a body that stops is deadline_exceeded", async () => {
    using mock = await startMock((request) => ({ ...honest(request), stallAfter: 1000 }));
    const { pulling } = open({ [mock.host]: plainSettings }, { idle: 100 });
    expect(await codeOf(bytesOf(pulling(mock.host).blob(layer.descriptor, 0)))).toBe("deadline_exceeded");
  });

  test("a body that is cut is an error, and goes on from where it was", async () => {
    using mock = await startMock((request) =>
      request.earlier === 0 ? { ...honest(request), cutAfter: 5000 } : honest(request),
    );
    const repository = open({ [mock.host]: plainSettings }).pulling(mock.host);
    const parts: Uint8Array[] = [];
    const cut = await repository.blob(layer.descriptor, 0);
    const read = async () => {
      for await (const part of cut.body) parts.push(part);
    };
    expect(await codeOf(read())).toBe("unavailable");
    const got = Buffer.concat(parts);
    // How many of the bytes before the cut are seen is the network's affair; that they are the first ones is not.
    expect(got.length).toBeLessThanOrEqual(5000);
    expect(got).toEqual(Buffer.from(layer.bytes.subarray(0, got.length)));
    const rest = await bytesOf(repository.blob(layer.descriptor, got.length));
    expect(Buffer.concat([got, rest])).toEqual(Buffer.from(layer.bytes));
  });

  test("a cancelled call ends as cancelled, before and within the body", async () => {
    using mock = await startMock((request) =>
      request.path.includes("/blobs/") ? { ...honest(request), stallAfter: 1000 } : { silent: true },
    );
    const repository = open({ [mock.host]: plainSettings }).pulling(mock.host);
    const first = new AbortController();
    const waiting = repository.manifest("1", first.signal);
    first.abort();
    expect(await codeOf(waiting)).toBe("cancelled");
    const second = new AbortController();
    const { body } = await repository.blob(layer.descriptor, 0, second.signal);
    const reader = body.getReader();
    expect((await reader.read()).value?.length).toBe(1000);
    const rest = reader.read();
    second.abort();
    expect(await codeOf(rest)).toBe("cancelled");
    expect(await codeOf(repository.tags(AbortSignal.abort()))).toBe("cancelled");
  });
});

describe("ranges", () => {
  test("a server that ignores the range begins at 0", async () => {
    const { mock, repository } = await lying("blobs", () => ({ body: layer.bytes }));
    using _ = mock;
    const answer = await repository.blob(layer.descriptor, 100);
    expect(answer.offset).toBe(0);
    expect(await bytesOf(Promise.resolve(answer))).toEqual(layer.bytes);
  });

  test.each([
    ["another start", (size: number) => `bytes 50-${size - 1}/${size}`],
    ["another total", (size: number) => `bytes 100-${size - 1}/${size + 1}`],
    ["another end", (size: number) => `bytes 100-${size - 2}/${size}`],
    ["no range", () => "nonsense"],
  ])("an answer with %s is data_loss", async (_name, range) => {
    const size = layer.descriptor.size;
    const { mock, repository } = await lying("blobs", () => ({
      status: 206,
      headers: { "Content-Range": range(size) },
      body: layer.bytes.slice(100),
    }));
    using _ = mock;
    expect(await codeOf(repository.blob(layer.descriptor, 100))).toBe("data_loss");
  });

  test("416 begins anew", async () => {
    using mock = await startMock((request) => (request.headers["range"] ? { status: 416 } : honest(request)));
    const repository = open({ [mock.host]: plainSettings }).pulling(mock.host);
    expect((await repository.blob(layer.descriptor, 10)).offset).toBe(0);
  });

  test("a length that is not the descriptor's is data_loss before a byte is read", async () => {
    const { mock, repository } = await lying("blobs", () => ({ body: "short" }));
    using _ = mock;
    expect(await codeOf(repository.blob(layer.descriptor, 0))).toBe("data_loss");
  });
});

describe("manifests", () => {
  const cases: [string, (honestly: MockAnswer) => MockAnswer, string][] = [
    [
      "another digest in the header",
      (answer) => ({
        ...answer,
        headers: { ...answer.headers, "Docker-Content-Digest": `sha256:${"0".repeat(64)}` },
      }),
      "data_loss",
    ],
    [
      "a media type that is none",
      (answer) => ({ ...answer, headers: { "Content-Type": "text/html" } }),
      "invalid_argument",
    ],
    ["no media type", (answer) => ({ ...answer, headers: {} }), "invalid_argument"],
    [
      "the media type of an index",
      (answer) => ({ ...answer, headers: { "Content-Type": "application/vnd.oci.image.index.v1+json" } }),
      "invalid_argument",
    ],
    [
      "more than 4 MiB",
      (answer) => ({ ...answer, body: new Uint8Array(4 * 1024 * 1024 + 1) }),
      "resource_exhausted",
    ],
    [
      "no JSON",
      (answer) => ({ headers: { "Content-Type": answer.headers?.["Content-Type"] ?? "" }, body: "<html>" }),
      "invalid_argument",
    ],
    [
      "schema 1",
      () => ({
        headers: { "Content-Type": "application/vnd.docker.distribution.manifest.v1+prettyjws" },
        body: '{"schemaVersion":1}',
      }),
      "unimplemented",
    ],
  ];
  test.each(cases)("%s is refused", async (_name, lie, code) => {
    const { mock, repository } = await lying("manifests", lie);
    using _ = mock;
    expect(await codeOf(repository.manifest("1"))).toBe(code);
  });

  test("other bytes than the digest asked for are data_loss", async () => {
    const other = blob('{"schemaVersion":2}', image.manifest.descriptor.mediaType);
    const { mock, repository } = await lying("manifests", (answer) => ({
      headers: { ...answer.headers, "Docker-Content-Digest": other.descriptor.digest },
      body: other.bytes,
    }));
    using _ = mock;
    const { digest } = image.manifest.descriptor;
    expect(await codeOf(repository.manifest(digest))).toBe("data_loss");
    expect(await codeOf(repository.resolve(digest))).toBe("data_loss");
  });

  test("resolve says nothing when the server does not", async () => {
    const { mock, repository } = await lying("manifests", (answer) => ({
      ...answer,
      headers: { "Content-Type": answer.headers?.["Content-Type"] ?? "" },
    }));
    using _ = mock;
    expect(await repository.resolve("1")).toBeUndefined();
  });
});

describe("lists", () => {
  test("tags come page by page, and stay on their host", async () => {
    const behaviour: Behaviour = ({ path }) =>
      path.includes("last=b")
        ? { body: '{"tags":["c","-bad","b"]}' }
        : {
            headers: { Link: '</v2/library/app/tags/list?last=b&n=2>; rel="next"' },
            body: '{"tags":["a","b"]}',
          };
    using mock = await startMock(behaviour);
    const { pulling } = open({ [mock.host]: plainSettings });
    expect(await pulling(mock.host).tags()).toEqual(["a", "b", "c"]);
    using elsewhere = await startMock(() => ({
      headers: { Link: `<${mock.url}/v2/x>; rel=next` },
      body: "{}",
    }));
    const other = open({ [elsewhere.host]: plainSettings });
    expect(await codeOf(other.pulling(elsewhere.host).tags())).toBe("permission_denied");
  });

  test("a registry whose list never ends is left", async () => {
    using mock = await startMock(({ path }) => ({ headers: { Link: `<${path}x>; rel="next"` }, body: "{}" }));
    expect(
      await codeOf(
        open({ [mock.host]: plainSettings })
          .pulling(mock.host)
          .tags(),
      ),
    ).toBe("resource_exhausted");
  });

  test("v1 search is asked where it is there", async () => {
    const results = [
      { name: "alpine", description: "small", star_count: 9, is_official: true },
      { name: 1 },
      null,
    ];
    using mock = await startMock(({ path }) =>
      path.startsWith("/v1/search?") ? { body: JSON.stringify({ results }) } : { status: 404 },
    );
    const { registries } = open({ [mock.host]: plainSettings });
    expect(await registries.search(mock.host, "al pine", 10)).toEqual([
      { name: "alpine", description: "small", stars: 9, official: true },
    ]);
    expect(mock.requests[0]?.path).toBe("/v1/search?q=al+pine&n=10");
  });
});

describe("redirects", () => {
  test("a blob is fetched from where the registry leads", async () => {
    using store = await startMock(() => ({ body: layer.bytes }));
    using mock = await startMock((request) =>
      request.path.includes("/blobs/")
        ? { status: 307, headers: { Location: `${store.url}/signed?x=1` } }
        : honest(request),
    );
    const repository = open({ [mock.host]: plainSettings }).pulling(mock.host);
    expect(await bytesOf(repository.blob(layer.descriptor, 0))).toEqual(layer.bytes);
  });

  test("a circle is left after ten", async () => {
    using mock = await startMock(({ path }) => ({ status: 302, headers: { Location: path } }));
    const { registries } = open({ [mock.host]: plainSettings });
    expect(await codeOf(registries.login(mock.host, { username: "a", secret: "b" }))).toBe("unavailable");
    expect(mock.requests.length % 11).toBe(0);
  });

  test.each(["ftp://127.0.0.1/x", "file:///etc/passwd", "http://[", "//"])(
    "%s is nowhere to go",
    async (location) => {
      using mock = await startMock(() => ({ status: 302, headers: { Location: location } }));
      const repository = open({ [mock.host]: plainSettings }).pulling(mock.host);
      expect(await codeOf(repository.blob(layer.descriptor, 0))).toBe("unavailable");
    },
  );
});

describe("foreign layers", () => {
  test("their addresses are tried after the registry, without credentials", async () => {
    using store = await startMock(() => ({ body: layer.bytes }));
    using mock = await startMock(() => ({ status: 404 }));
    const token = { auths: { [store.host]: { auth: btoa("a:b") }, [mock.host]: { auth: btoa("a:b") } } };
    using config = dockerConfig(token);
    const settings = { [mock.host]: plainSettings, [store.host]: plainSettings };
    const repository = open(settings, { dockerConfig: config.folder }).pulling(mock.host);
    const descriptor = { ...layer.descriptor, urls: ["ftp://x/y", `${store.url}/layer`] };
    expect(await bytesOf(repository.blob(descriptor, 0))).toEqual(layer.bytes);
    expect(store.requests.map(({ headers }) => headers["authorization"])).toEqual([undefined]);
  });
});

describe("uploads", () => {
  const part = blob(new Uint8Array(300_000).fill(5), "application/octet-stream");

  /** A registry that takes one blob and knows how far it came. */
  function taking(options: { whole?: boolean; resumable?: boolean } = {}): {
    behaviour: Behaviour;
    taken: () => Uint8Array;
  } {
    let bytes: Uint8Array = new Uint8Array();
    let done = false;
    const location = { Location: "/v2/upload/1?state=a%2Fb" };
    const behaviour: Behaviour = ({ method, path, body }) => {
      if (method === "HEAD") return { status: done ? 200 : 404 };
      if (method === "POST") return { status: 202, headers: location };
      if (!path.startsWith("/v2/upload/1?state=a%2Fb")) return { status: 404 };
      if (method === "GET")
        return options.resumable
          ? { status: 204, headers: { ...location, Range: `0-${bytes.length - 1}` } }
          : { status: 404 };
      if (method === "PUT" && body.length > 0 && options.whole === false) return { status: 405 };
      bytes = Buffer.concat([bytes, body]);
      if (method === "PATCH") return { status: 202, headers: location };
      done = path.endsWith(`&digest=${encodeURIComponent(part.descriptor.digest)}`);
      return { status: done ? 201 : 400 };
    };
    return { behaviour, taken: () => bytes };
  }

  test.each([
    ["in one request", {}],
    ["in pieces where one request is refused", { whole: false }],
  ])("a blob goes %s", async (_name, options) => {
    const { behaviour, taken } = taking(options);
    using mock = await startMock(behaviour);
    using place = dockerConfig({});
    const path = join(place.folder, "blob");
    writeFileSync(path, part.bytes);
    const { pushing } = open({ [mock.host]: plainSettings });
    expect(await pushing(mock.host).putBlob(part.descriptor, path)).toBe("uploaded");
    expect(Buffer.from(taken())).toEqual(Buffer.from(part.bytes));
    expect(mock.requests.every(({ headers }) => !("transfer-encoding" in headers))).toBe(true);
  });

  test.each([
    ["is begun anew where the server forgot it", false],
    ["is begun anew where the server has nothing of it", true],
  ])("an upload that was cut %s", async (_name, resumable) => {
    const { behaviour, taken } = taking({ resumable });
    using mock = await startMock(behaviour, { cutUploads: { after: 1000, times: 2 } });
    using place = dockerConfig({});
    const path = join(place.folder, "blob");
    writeFileSync(path, part.bytes);
    const { pushing } = open({ [mock.host]: plainSettings });
    expect(await pushing(mock.host).putBlob(part.descriptor, path)).toBe("uploaded");
    expect(Buffer.from(taken())).toEqual(Buffer.from(part.bytes));
  });

  test("an upload that was cut goes on from where the server says it is", async () => {
    let bytes: Uint8Array = new Uint8Array();
    const kept = 100_000;
    const location = { Location: "/v2/upload/1" };
    using mock = await startMock(
      ({ method, body, path }) => {
        if (method === "HEAD") return { status: 404 };
        if (method === "POST") return { status: 202, headers: location };
        if (method === "GET") return { status: 204, headers: { ...location, Range: `0-${kept - 1}` } };
        bytes = Buffer.concat([bytes, body]);
        return path.includes("digest=") ? { status: 201 } : { status: 202, headers: location };
      },
      { cutUploads: { after: 1000, times: 1 } },
    );
    using place = dockerConfig({});
    const path = join(place.folder, "blob");
    writeFileSync(path, part.bytes);
    const { pushing } = open({ [mock.host]: plainSettings });
    expect(await pushing(mock.host).putBlob(part.descriptor, path)).toBe("uploaded");
    expect(Buffer.from(bytes)).toEqual(Buffer.from(part.bytes.slice(kept)));
    expect(mock.requests.find(({ method }) => method === "PATCH")?.headers["content-range"]).toBe(
      "100000-299999",
    );
  });

  test.each([
    ["does not answer an upload", () => ({ silent: true })],
    ["does not begin one", () => ({ status: 403 })],
  ] as [string, () => MockAnswer][])("a registry that %s is an error", async (name, answer) => {
    const begins = name.includes("answer");
    using mock = await startMock(({ method }) => {
      if (method === "HEAD") return { status: 404 };
      if (method === "POST" && begins) return { status: 202, headers: { Location: "/v2/upload/1" } };
      return method === "GET" ? { status: 404 } : answer();
    });
    using place = dockerConfig({});
    const path = join(place.folder, "blob");
    writeFileSync(path, part.bytes);
    const { pushing } = open({ [mock.host]: plainSettings }, begins ? { idle: 50 } : {});
    const code = begins ? "deadline_exceeded" : "permission_denied";
    expect(await codeOf(pushing(mock.host).putBlob(part.descriptor, path))).toBe(code);
  });

  test("a registry that says another digest of a pushed manifest is caught", async () => {
    using mock = await startMock(() => ({
      status: 201,
      headers: { "Docker-Content-Digest": `sha256:${"0".repeat(64)}` },
    }));
    const { pushing } = open({ [mock.host]: plainSettings });
    const { bytes, descriptor } = image.manifest;
    expect(await codeOf(pushing(mock.host).putManifest("1", bytes, descriptor.mediaType))).toBe("data_loss");
  });
});
