/** Joins this machine to a cloud: key, certificate, and where the cloud is. Done again with the same words it changes nothing. */
import { X509Certificate } from "node:crypto";
import { join } from "node:path";
import { invalid, SampanError } from "../../../base/errors.ts";
import { isNodeName } from "../../link/resources.ts";
import { formatAddress, parseAddress } from "../hub/address.ts";
import type { KeyPair } from "../hub/keys.ts";
import { joinByToken } from "./certificate.ts";
import { readJoined, writeJoined, type Joined } from "./joined.ts";
import { type KeyFiles, openKeys } from "./keys.ts";
import { checkAuthority, type JoinToken, parseToken } from "./token.ts";

export interface Joining {
  /** Data of the edge. */
  readonly root: string;
  /** `<host>[:<port>]` of the cloud, 10000 where the port is left out; several when it has several. */
  readonly clouds: readonly string[];
  /** 10002. */
  readonly certificatePort: number;
  readonly node: string;
  readonly token: string;
  /** Throws away what a join to another cloud, or by another name, left. */
  readonly force: boolean;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly signal: AbortSignal;
}

export interface JoinResult extends Joined {
  /** It had joined before, and its certificate still is good there. */
  readonly already: boolean;
}

export const keysFolder = (root: string) => join(root, "keys");
const hubPort = 10_000;

/** Errors: `invalid_argument`, `failed_precondition` when it has joined otherwise, and those of joinByToken. */
export async function joinCloud(joining: Joining): Promise<JoinResult> {
  const { root, node, certificatePort, force, now, signal } = joining;
  if (!isNodeName(node))
    throw invalid(
      `cannot use node name "${node}": wanted lower-case letters, digits, "-" and "."; give one by --node-name`,
    );
  const token = parseToken(joining.token);
  const wanted: Joined = {
    node,
    clouds: joining.clouds.map((each) => hubAddress(each, certificatePort)),
    certificatePort,
  };
  const present = readPresent(root, force);
  if (present && !isSame(present, wanted) && !force)
    throw new SampanError(
      "failed_precondition",
      `cannot join: this machine is node "${present.node}" of ${present.clouds.join(", ")}; sampan reset leaves it, --force replaces it`,
    );
  const keys = openKeys(keysFolder(root));
  if (present && isSame(present, wanted) && isGood(keys, token, now)) return { ...wanted, already: true };
  keys.replace(await joinAny(wanted, token, signal));
  writeJoined(root, wanted);
  return { ...wanted, already: false };
}

async function joinAny(
  { node, clouds, certificatePort }: Joined,
  token: JoinToken,
  signal: AbortSignal,
): Promise<KeyPair> {
  let last: unknown;
  for (const address of certificateAddresses(clouds, certificatePort))
    try {
      return await joinByToken({ address, node, signal }, token);
    } catch (error) {
      last = error;
    }
  throw last ?? invalid("cannot join: no address of a cloud is given");
}

/** Where certificates are signed, on the hosts of the clouds. */
export function certificateAddresses(clouds: readonly string[], port: number): readonly string[] {
  return clouds.map((cloud) => formatAddress({ host: parseAddress(cloud, hubPort).host, port }));
}

/** `cloud:10002` is what people copy from KubeEdge's documentation: that is the other port. */
function hubAddress(cloud: string, certificatePort: number): string {
  const { host, port } = parseAddress(cloud, hubPort);
  return formatAddress({ host, port: port === certificatePort ? hubPort : port });
}

function readPresent(root: string, force: boolean): Joined | undefined {
  try {
    return readJoined(root);
  } catch (error) {
    if (force) return undefined;
    throw error;
  }
}

function isSame(a: Joined, b: Joined): boolean {
  return a.node === b.node && a.clouds.join() === b.clouds.join() && a.certificatePort === b.certificatePort;
}

/** Of the cloud that the token is of, and not ended. */
function isGood(keys: KeyFiles, token: JoinToken, now: number): boolean {
  try {
    const { authority } = keys.current();
    checkAuthority(new X509Certificate(authority).raw, token, "");
    return keys.validity().until > now;
  } catch {
    return false;
  }
}
