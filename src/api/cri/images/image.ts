/** Images as the CRI shows them: one for each id, whatever records and names it is here under. */
import type { LiveEngine } from "../../../engine/engine.ts";
import type { LocalImage } from "../../../engine/images/images.ts";
import { normalName, parseReference } from "../../../spec/image/reference.ts";
import type { ImageConfigRun } from "../../../spec/image/types.ts";
import type { Image } from "../../../wire/cri/cri_pb.ts";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ImageSchema } from "../../../wire/cri/cri_pb.ts";

export type ImageShape = MessageInitShape<typeof ImageSchema>;
type Parts = Pick<LiveEngine, "images" | "containers">;

/** containerd's label of images that nobody's garbage collection takes. */
const pinnedLabel = { name: "io.cri-containerd.pinned", value: "pinned" } as const;

/** What its documents say: they never change, so they are read once. */
interface Facts {
  readonly user: Pick<Image, "username"> & { readonly uid?: { readonly value: bigint } };
  readonly annotations: Readonly<Record<string, string>>;
}

const none: Facts = { user: { username: "" }, annotations: {} };
const mostFacts = 4096;
/** Characters of the annotations of one image; of one that has more none are shown. */
const mostAnnotations = 16 << 10;

export class ImageShapes {
  readonly #engine: Parts;
  readonly #pinned: ReadonlySet<string>;
  readonly #facts = new Map<string, Facts>();

  /** `pinned`: names as people write them. */
  constructor(engine: Parts, pinned: readonly string[]) {
    this.#engine = engine;
    this.#pinned = new Set(pinned.map((name) => normalName(parseReference(name))));
  }

  /** All, newest first. One that has no name left and that a container keeps is not among them. */
  async list(): Promise<ImageShape[]> {
    const groups = new Map<string, LocalImage[]>();
    for (const image of this.#engine.images.list()) {
      const group = groups.get(image.id);
      if (group) group.push(image);
      else groups.set(image.id, [image]);
    }
    const kept = this.#kept([...groups.values()]);
    const shown = [...groups].filter(([id]) => !kept.has(id));
    return await Promise.all(shown.map(([, group]) => this.#shape(group)));
  }

  /** With what other records of the same image add; undefined for one that only a container keeps. */
  async one(image: LocalImage): Promise<ImageShape | undefined> {
    const group = this.#engine.images.list().filter(({ id }) => id === image.id);
    return this.#kept([group]).has(image.id) ? undefined : await this.#shape(group);
  }

  /** Ids of those that were removed while a container had them. */
  #kept(groups: readonly (readonly LocalImage[])[]): ReadonlySet<string> {
    const nameless = groups.flatMap(([first, ...more]) =>
      first && [first, ...more].every(isNameless) ? [first.id] : [],
    );
    if (nameless.length === 0) return new Set();
    const used = new Set<string>(this.#engine.containers.list().map(({ imageId }) => imageId));
    return new Set(nameless.filter((id) => used.has(id)));
  }

  async #shape(group: readonly LocalImage[]): Promise<ImageShape> {
    const [first] = group;
    if (!first) throw new TypeError("an image without a record");
    const names = group.flatMap((image) => image.names);
    const repoDigests = [...new Set(group.flatMap((image) => image.repoDigests))];
    const { user, annotations } = await this.#factsOf(first);
    return {
      id: first.id,
      repoTags: names,
      repoDigests,
      size: BigInt(Math.max(1, ...group.map(({ contentSize }) => contentSize))),
      ...user,
      spec: { image: first.id, annotations },
      pinned:
        [...names, ...repoDigests].some((name) => this.#pinned.has(name)) ||
        group.some(({ labels }) => labels[pinnedLabel.name] === pinnedLabel.value),
    };
  }

  async #factsOf(image: LocalImage): Promise<Facts> {
    const key = image.manifest.digest;
    const known = this.#facts.get(key);
    if (known) return known;
    try {
      const [{ annotations = {} }, { config }] = await Promise.all([
        this.#engine.images.manifest(image),
        this.#engine.images.config(image),
      ]);
      const facts = { user: userOf(config), annotations: bounded(annotations) };
      if (this.#facts.size >= mostFacts) this.#facts.clear();
      this.#facts.set(key, facts);
      return facts;
    } catch {
      // Damaged: it is listed all the same, and fetched anew when a container is made of it.
      return none;
    }
  }
}

function isNameless({ names, repoDigests }: LocalImage): boolean {
  return names.length === 0 && repoDigests.length === 0;
}

/** A number is a user id, anything else a name; a group after a colon is none of the CRI's business. */
export function userOf(config: ImageConfigRun | undefined): Facts["user"] {
  const [user = ""] = (config?.User ?? "").split(":", 1);
  return /^\d{1,18}$/.test(user) ? { username: "", uid: { value: BigInt(user) } } : { username: user };
}

function bounded(annotations: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const length = Object.entries(annotations).reduce(
    (sum, [key, value]) => sum + key.length + value.length,
    0,
  );
  return length <= mostAnnotations ? annotations : {};
}
