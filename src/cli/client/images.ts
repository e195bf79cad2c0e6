/** Calls about images. */
import { invalid, SampanError } from "../../base/errors.ts";
import { platformJson } from "./http/platform.ts";
import type { HistoryItem, ImageDiff, ImageInspect, ImageSummary } from "../../spec/docker/images.ts";
import { parseReference, repositoryName } from "../../spec/image/reference.ts";
import type { EngineClient } from "./client.ts";
import { bodyOf, type Http } from "./http/http.ts";
import { filterQuery } from "./http/query.ts";
import { progress } from "./http/steps.ts";
import { ours } from "./ours.ts";
import type { Keys } from "./registry.ts";

type ImageCalls = Pick<
  EngineClient,
  | "pull"
  | "push"
  | "images"
  | "inspectImage"
  | "history"
  | "tag"
  | "removeImage"
  | "pruneImages"
  | "save"
  | "load"
  | "importArchive"
  | "commit"
  | "diffImages"
>;

type Removed = readonly { Untagged?: string; Deleted?: string }[];

/** A name in a path: its slashes belong to it. */
const inPath = (reference: string) => encodeURIComponent(reference).replaceAll("%2F", "/");

/** `localhost:5000/app:1` is a repository and a tag. */
function repositoryAndTag(reference: string | undefined): { repo?: string; tag?: string } {
  if (reference === undefined) return {};
  const colon = reference.lastIndexOf(":");
  if (colon <= reference.lastIndexOf("/")) return { repo: reference };
  return { repo: reference.slice(0, colon), tag: reference.slice(colon + 1) };
}

export function imageCalls(http: Http, keys: Keys): ImageCalls {
  return {
    async pull(text, { platform, allTags = false, ...call }) {
      const reference = parseReference(text);
      const found = { digest: "", upToDate: false };
      const tag = reference.digest ?? reference.tag ?? "latest";
      const asked = {
        query: { fromImage: repositoryName(reference), tag: allTags ? undefined : tag, platform },
        headers: await keys.header(reference.registry),
      };
      await progress(http, "/images/create", asked, {
        ...call,
        onLine: ({ text: line = "" }) => {
          const [, word, rest = ""] = /^(Digest|Status): (.*)$/.exec(line) ?? [];
          if (word === "Digest") found.digest = rest;
          if (word === "Status") found.upToDate = rest.startsWith("Image is up to date");
          return word !== undefined;
        },
      });
      return { id: "", ...found };
    },
    async push(text, { platform, allTags = false, ...call }) {
      const reference = parseReference(text);
      const found = { digest: "", size: 0 };
      const asked = {
        query: {
          tag: allTags ? undefined : (reference.tag ?? "latest"),
          platform: platformJson(platform),
        },
        headers: await keys.header(reference.registry),
      };
      await progress(http, `/images/${inPath(repositoryName(reference))}/push`, asked, {
        ...call,
        onLine: ({ aux, text: line = "" }) => {
          const { Digest, Size } = (aux ?? {}) as { Digest?: string; Size?: number };
          if (Digest !== undefined) Object.assign(found, { digest: Digest, size: Size ?? 0 });
          // The command says both itself.
          return /^The push refers to|^\S+: digest: sha/.test(line);
        },
      });
      return found;
    },
    images: ({ all, filters }) =>
      http.json<ImageSummary[]>("GET", "/images/json", { query: { all, filters: filterQuery(filters) } }),
    inspectImage: (reference, { platform } = {}) =>
      http.json<ImageInspect>("GET", `/images/${inPath(reference)}/json`, {
        query: { platform: platformJson(platform) },
      }),
    history: (reference) => http.json<HistoryItem[]>("GET", `/images/${inPath(reference)}/history`),
    async tag(source, target) {
      if (target.includes("@")) throw invalid(`cannot tag "${target}": a name with a digest cannot be given`);
      await http.order("POST", `/images/${inPath(source)}/tag`, { query: repositoryAndTag(target) });
    },
    removeImage: (reference, { force, prune }) =>
      http.json<Removed>("DELETE", `/images/${inPath(reference)}`, { query: { force, noprune: !prune } }),
    async pruneImages({ all, filters }) {
      const wanted = { ...filters, ...(filters["dangling"] ? {} : { dangling: [String(!all)] }) };
      const { ImagesDeleted, SpaceReclaimed } = await http.json<{
        ImagesDeleted: Removed | null;
        SpaceReclaimed: number;
      }>("POST", "/images/prune", { query: { filters: filterQuery(wanted) } });
      return { deleted: ImagesDeleted ?? [], reclaimed: SpaceReclaimed };
    },
    async save(references, { format, platform, write, signal }) {
      const asked = {
        query: { names: references, platform: platformJson(platform) },
        ...(signal ? { signal } : {}),
      };
      const answer =
        format === "oci"
          ? await ours(http, "save --format oci", () =>
              http.send("GET", "/sampan/images/get", { ...asked, query: { ...asked.query, format } }),
            )
          : await http.send("GET", "/images/get", asked);
      for await (const bytes of bodyOf(answer)) await write(bytes);
    },
    async load(archive, { platform, ...call }) {
      const loaded: string[] = [];
      const asked = {
        query: { quiet: "0", platform: platformJson(platform) },
        upload: archive,
        headers: { "content-type": "application/x-tar" },
      };
      await progress(http, "/images/load", asked, {
        ...call,
        onLine: ({ text = "" }) => {
          const [, name] = /^Loaded image(?: ID)?: (.*)$/.exec(text) ?? [];
          if (name !== undefined) loaded.push(name);
          return name !== undefined;
        },
      });
      return loaded;
    },
    async importArchive(archive, { reference, changes, message, platform, ...call }) {
      let id = "";
      const query = { fromSrc: "-", ...repositoryAndTag(reference), message, changes, platform };
      const asked = { query, upload: archive, headers: { "content-type": "application/x-tar" } };
      await progress(http, "/images/create", asked, {
        ...call,
        onLine: ({ text = "" }) => {
          if (/^sha256:[0-9a-f]{64}$/.test(text)) id = text;
          return id !== "";
        },
      });
      if (id === "") throw new SampanError("unavailable", "the daemon did not say the new image's id");
      return id;
    },
    async commit(container, { reference, author, message, changes, pause = true, signal }) {
      const query = {
        container,
        ...repositoryAndTag(reference),
        author,
        comment: message,
        changes,
        // On unless it is switched off.
        pause: pause ? "1" : "0",
      };
      const { Id } = await http.json<{ Id: string }>("POST", "/commit", {
        query,
        json: {},
        ...(signal ? { signal } : {}),
      });
      return Id;
    },
    diffImages: (a, b, { platform, signal }) =>
      ours(http, "image diff", () =>
        http.json<ImageDiff>("GET", "/sampan/images/diff", {
          query: { a, b, platform },
          ...(signal ? { signal } : {}),
        }),
      ),
  };
}
