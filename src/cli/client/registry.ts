/** Calls about registries; the credentials are this side's, not the daemon's. */
import { SampanError } from "../../base/errors.ts";
import type { SearchResult } from "../../spec/docker/images.ts";
import { defaultRegistry } from "../../spec/image/reference.ts";
import type { Credential, CredentialStore } from "./credentials.ts";
import type { Http } from "./http/http.ts";

const serverAddress = (registry: string) =>
  registry === defaultRegistry ? "https://index.docker.io/v1/" : registry;

function authBody(registry: string, { username, secret, kind }: Credential): object {
  return kind === "identity"
    ? { username, identitytoken: secret, serveraddress: serverAddress(registry) }
    : { username, password: secret, serveraddress: serverAddress(registry) };
}

export interface Keys {
  /** The header that tells a daemon who asks. Docker wants one always: an empty object is nobody. */
  readonly header: (registry: string) => Promise<{ "X-Registry-Auth": string }>;
}

export function registryCalls(http: Http, open: (() => Promise<CredentialStore>) | undefined) {
  const store = async () => {
    if (open) return open();
    throw new SampanError("failed_precondition", "cannot keep credentials: there is no place for them");
  };
  const keys: Keys = {
    header: async (registry) => {
      const found = open ? await (await open()).find(registry) : undefined;
      const body = found ? authBody(registry, found) : {};
      return { "X-Registry-Auth": Buffer.from(JSON.stringify(body)).toString("base64url") };
    },
  };
  return {
    keys,
    /** Tried with the registry, by the daemon, before they are kept. */
    async login(registry: string, given: { username: string; secret: string }): Promise<void> {
      const body = authBody(registry, { ...given, kind: "password" });
      const { IdentityToken = "" } = await http.json<{ IdentityToken?: string }>("POST", "/auth", {
        json: body,
      });
      const kept: Credential =
        IdentityToken === ""
          ? { ...given, kind: "password" }
          : { username: given.username, secret: IdentityToken, kind: "identity" };
      await (await store()).store(registry, kept);
    },
    async logout(registry: string): Promise<boolean> {
      return (await store()).erase(registry);
    },
    async search(term: string, limit: number): Promise<readonly SearchResult[]> {
      const slash = term.indexOf("/");
      const first = term.slice(0, Math.max(slash, 0));
      const registry = /[.:]/.test(first) || first === "localhost" ? first : defaultRegistry;
      return http.json("GET", "/images/search", {
        query: { term, limit },
        headers: await keys.header(registry),
      });
    },
  };
}
