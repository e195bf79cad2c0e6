import { expect, test } from "bun:test";
import { SampanError } from "../../base/errors.ts";
import { parseHostsFile } from "./_hosts-file.ts";

const file = "/etc/certs.d/registry.example/hosts.toml";
const parse = (text: string) => parseHostsFile(text, file);

test("hosts come in their order and the server last", () => {
  const entries = parse(`
    server = "registry.example:5000"
    [host."https://b.example"]
    capabilities = ["pull"]
    [host."http://a.example:8080/v2"]
    capabilities = ["Pull", "resolve"]
    [host."c.example"]
  `);
  expect(entries.map(({ url, can, setting }) => [url?.href, [...can], setting])).toEqual([
    ["https://b.example/", ["pull"], `host."https://b.example"`],
    ["http://a.example:8080/v2", ["pull", "resolve"], `host."http://a.example:8080/v2"`],
    ["https://c.example/", ["pull", "resolve", "push"], `host."c.example"`],
    ["https://registry.example:5000/", ["pull", "resolve", "push"], ""],
  ]);
});

test("an empty file means the registry itself", () => {
  expect(parse("")).toEqual([expect.objectContaining({ url: undefined, skipVerify: undefined })]);
});

test("paths are relative to the file, certificates are one, several or pairs", () => {
  const [mirror, server] = parse(`
    ca = ["one.pem", "/two.pem"]
    client = [["a.cert", "a.key"], ["b.pem", ""], "c.pem"]
    [host."https://mirror"]
    ca = "mirror.pem"
    client = "sub/m.pem"
  `);
  const at = (name: string) => `/etc/certs.d/registry.example/${name}`;
  expect(mirror).toMatchObject({
    authorities: [at("mirror.pem")],
    clients: [{ certificate: at("sub/m.pem"), key: at("sub/m.pem") }],
  });
  expect(server).toMatchObject({
    authorities: [at("one.pem"), "/two.pem"],
    clients: [
      { certificate: at("a.cert"), key: at("a.key") },
      { certificate: at("b.pem"), key: at("b.pem") },
      { certificate: at("c.pem"), key: at("c.pem") },
    ],
  });
});

test("headers, times, proxies and paths are read for each host", () => {
  const [mirror, server] = parse(`
    dial_timeout = "1m30s"
    [host."https://mirror/api"]
    skip_verify = true
    override_path = true
    dial_timeout = "500ms"
    proxy = "http://proxy.example:8080"
    [host."https://mirror/api".header]
    X-One = "a"
    x-two = ["b", "c"]
  `);
  expect(mirror).toMatchObject({
    skipVerify: true,
    overridePath: true,
    dialTimeout: 500,
    proxy: "http://proxy.example:8080",
    headers: { "x-one": "a", "x-two": "b, c" },
  });
  expect(server).toMatchObject({ dialTimeout: 90_000, headers: {}, overridePath: false });
});

test.each([
  ["server = ", ""],
  [`servers = "x"`, `there is no table "servers"; the nearest is "server"`],
  [`server = "ftp://x y"`, "server is"],
  [
    `[host."https://m"]\ncapabilities = ["fly"]`,
    `host."https://m".capabilities is ["fly"], wanted a list of pull`,
  ],
  [
    `[host."https://m"]\ncapability = ["pull"]`,
    `host."https://m" has no key "capability"; the nearest is "capabilities"`,
  ],
  [`[host."https://u:p@m"]`, "wanted an address"],
  [`ca = 5`, "ca is 5, wanted a list of paths"],
  [`client = [["a", "b", "c"]]`, "wanted a path, paths, or pairs"],
  [`skip_verify = "yes"`, 'skip_verify is "yes", wanted true or false'],
  [`dial_timeout = "soon"`, `dial_timeout is "soon", wanted a time`],
  [`[header]\nx = 5`, 'header.x is "(not shown)", wanted a header'],
  [`[header]\nx = "a\\nb"`, "header.x is"],
  [`proxy = "socks5://x"`, "proxy is"],
])("a wrong file is refused with its name and the key: %s", (text, words) => {
  const said = refusal(text);
  expect(said?.code).toBe("failed_precondition");
  expect(said?.message).toContain(words);
  expect(said?.message).toContain(`"${file}"`);
});

function refusal(text: string): SampanError | undefined {
  try {
    parse(text);
    return undefined;
  } catch (error) {
    return SampanError.from(error);
  }
}
