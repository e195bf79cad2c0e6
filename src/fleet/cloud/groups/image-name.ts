/** Images as overriders see them: `[registry/]repository[:tag|@digest]`. Pure. */
import type { ImageOverrider } from "./kinds.ts";

interface Parts {
  readonly registry: string;
  readonly repository: string;
  /** With the sign in front: `:v1`, `@sha256:…`; "" for none. */
  readonly tag: string;
}

function parse(image: string): Parts {
  const digest = image.indexOf("@");
  const colon = image.lastIndexOf(":");
  const isTagged = colon > image.lastIndexOf("/");
  const at = digest !== -1 ? digest : isTagged ? colon : image.length;
  const [name, tag] = [image.slice(0, at), image.slice(at)];
  const [first = "", ...rest] = name.split("/");
  const hasRegistry = rest.length > 0 && (/[.:]/.test(first) || first === "localhost");
  return hasRegistry
    ? { registry: first, repository: rest.join("/"), tag }
    : { registry: "", repository: name, tag };
}

function format({ registry, repository, tag }: Parts): string {
  return `${registry === "" ? "" : `${registry}/`}${repository}${tag}`;
}

export function overrideImage(image: string, { component, operator, value = "" }: ImageOverrider): string {
  const parts = parse(image);
  const change = (present: string) =>
    operator === "add" ? present + value : operator === "remove" ? "" : value;
  switch (component) {
    case "Registry":
      return format({ ...parts, registry: change(parts.registry).replace(/\/+$/, "") });
    case "Repository":
      return format({ ...parts, repository: change(parts.repository) });
    case "Tag":
      return format({ ...parts, tag: tagOf(change(parts.tag.slice(1)), parts.tag.startsWith("@")) });
  }
}

function tagOf(text: string, wasDigest: boolean): string {
  const bare = text.replace(/^[:@]/, "");
  if (bare === "") return "";
  return /^[a-z0-9]+:[0-9a-f]{32,}$/.test(bare) || (wasDigest && bare.includes(":"))
    ? `@${bare}`
    : `:${bare}`;
}
