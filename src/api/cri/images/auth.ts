/** What a PullImage brings along to show to the registry: Kubernetes' AuthConfig, which is Docker's. Pure. */
import { invalid } from "../../../base/errors.ts";
import type { CallerCredentials } from "../../../engine/registry/registry.ts";
import { defaultRegistry } from "../../../spec/image/reference.ts";
import type { AuthConfig } from "../../../wire/cri/cri_pb.ts";

/** A token of a registry's own making can be long. */
const longest = 64 << 10;

/** Undefined for one that names nobody, or that is for another registry. Errors: `invalid_argument`, without a word of the secret. */
export function credentialsOf(auth: AuthConfig | undefined, registry: string): CallerCredentials | undefined {
  if (!auth || !isFor(auth.serverAddress, registry)) return undefined;
  const { username, password, identityToken, registryToken } = auth;
  if ([username, password, auth.auth, identityToken, registryToken].some((text) => text.length > longest))
    throw invalid(
      `cannot use the credentials for registry "${registry}": they have more than ${longest} characters`,
    );
  if (username !== "") return { username, secret: password, kind: "password" };
  if (identityToken !== "") return { username: "", secret: identityToken, kind: "identity" };
  if (auth.auth !== "") return fromPair(auth.auth, registry);
  return registryToken === "" ? undefined : tokenOf(registryToken, registry);
}

/** `https://index.docker.io/v1/`, `registry.example:5000`, nothing: for whatever is pulled. */
function isFor(address: string, registry: string): boolean {
  if (address === "") return true;
  const host = address.replace(/^https?:\/\//i, "").split("/", 1)[0] ?? "";
  const hub = host === "index.docker.io" || host === "registry-1.docker.io";
  return (hub ? defaultRegistry : host).toLowerCase() === registry.toLowerCase();
}

function fromPair(encoded: string, registry: string): CallerCredentials {
  const refuse = (why: string) =>
    invalid(`cannot use "auth" of the credentials for registry "${registry}": ${why}`);
  if (!/^[A-Za-z0-9+/_-]*={0,2}\s*$/.test(encoded)) throw refuse("it is not base64");
  const pair = Buffer.from(encoded, "base64").toString("utf8");
  const colon = pair.indexOf(":");
  if (colon < 0) throw refuse("wanted a name, a colon and a password in base64");
  // Zeros stand at the end of what some clients write.
  return {
    username: pair.slice(0, colon),
    secret: pair.slice(colon + 1).replace(/\0+$/, ""),
    kind: "password",
  };
}

function tokenOf(text: string, registry: string): CallerCredentials {
  // It goes into a header: anything but visible ASCII could end that.
  if (!/^[\x21-\x7e]+$/.test(text))
    throw invalid(
      `cannot use the registry token for registry "${registry}": it has characters that a header cannot have`,
    );
  return { username: "", secret: text, kind: "bearer" };
}
