/** Calls about registries. */
import type { Engine } from "../../engine/engine.ts";
import type { DockerConfig } from "../../engine/registry/docker-config.ts";
import type { SearchResult } from "../../spec/docker/images.ts";
import { defaultRegistry } from "../../spec/image/reference.ts";

export function registryCalls(engine: Pick<Engine, "registries">, credentials: () => Promise<DockerConfig>) {
  return {
    /** Tried with the registry before they are kept. */
    async login(registry: string, given: { username: string; secret: string }): Promise<void> {
      await engine.registries.login(registry, given);
      await (await credentials()).store(registry, { ...given, kind: "password" });
    },

    async logout(registry: string): Promise<boolean> {
      return (await credentials()).erase(registry);
    },

    async search(text: string, limit: number): Promise<readonly SearchResult[]> {
      const { registry, term } = splitTerm(text);
      // So that it can be given to pull as it stands.
      const prefix = registry === defaultRegistry ? "" : `${registry}/`;
      const found = await engine.registries.search(registry, term, limit);
      return found.map(({ name, description, stars, official }) => ({
        name: `${prefix}${name}`,
        description,
        star_count: stars,
        is_official: official,
      }));
    },
  };
}

/** `localhost:5000/app` is searched for on that registry, `app` and `owner/app` on Docker's. */
function splitTerm(text: string): { registry: string; term: string } {
  const slash = text.indexOf("/");
  const first = text.slice(0, Math.max(slash, 0));
  return /[.:]/.test(first) || first === "localhost"
    ? { registry: first, term: text.slice(slash + 1) }
    : { registry: defaultRegistry, term: text };
}
