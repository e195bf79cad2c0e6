/** The way to the cloud: names, the two ports, certificates, and both clocks. Nothing here takes the place of an edge that runs: no session is begun. */
import { X509Certificate } from "node:crypto";
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { connect } from "node:tls";
import { SampanError } from "../../../base/errors.ts";
import { formatAddress, parseAddress } from "../hub/address.ts";
import { troubleOf } from "../hub/trouble.ts";
import { askCloud } from "../join/https.ts";
import { keysFolder } from "../join/join.ts";
import { isPair, openKeys } from "../join/keys.ts";
import { bad, type Check, type Finding, ok, warn } from "./finding.ts";

const day = 86_400_000;
/** Milliseconds. */
const deadline = 5_000;
/** Milliseconds in which a cloud says that it does not take our certificate: with TLS 1.3 that comes after the handshake. */
const settle = 500;

export const joined: Check = async ({ node, clouds, root }) =>
  node === undefined || clouds.length === 0
    ? [
        bad(
          "joined",
          `nothing in ${root} says of which cloud this node is`,
          "run sampan join CLOUD --token TOKEN",
        ),
      ]
    : [ok("joined", `node ${node} of ${clouds.join(", ")}`)];

export const certificate: Check = async ({ root, now }) => {
  const check = "certificate";
  try {
    const keys = openKeys(keysFolder(root));
    const pair = keys.current();
    if (!isPair(pair)) return [bad(check, "key and certificate do not fit", "join again with --force")];
    const { from, until } = keys.validity();
    const issuer = new X509Certificate(pair.authority);
    if (!new X509Certificate(pair.certificate).verify(issuer.publicKey))
      return [bad(check, "another authority than the stored one signed it", "join again with --force")];
    return [validity(check, { from, until, now })];
  } catch (error) {
    return [bad(check, SampanError.from(error).message, "join, or join again with --force")];
  }
};

function validity(
  check: string,
  { from, until, now }: { from: number; until: number; now: number },
): Finding {
  const date = (time: number) => new Date(time).toISOString().slice(0, 10);
  if (now < from)
    return bad(
      check,
      `it is good from ${date(from)} on, and this machine thinks it is ${date(now)}`,
      "set the clock",
    );
  const days = Math.floor((until - now) / day);
  if (days < 0)
    return bad(
      check,
      `it ended on ${date(until)}`,
      "sampan edge renews it when the cloud allows that; otherwise put a new token into the token file, or join again",
    );
  const left = (until - now) / (until - from);
  return left < 0.1
    ? warn(
        check,
        `it ends on ${date(until)}, in ${days} days`,
        "see why sampan edge could not renew it: its log says so",
      )
    : ok(check, `good until ${date(until)}, ${days} days`);
}

export const names: Check = async ({ clouds }) =>
  await Promise.all(
    clouds.map(async (cloud) => {
      const { host } = parseAddress(cloud, 10_000);
      if (isIP(host) !== 0) return ok("name", `${host} is an address`);
      try {
        const found = await lookup(host, { all: true });
        return ok("name", `${host} is ${found.map(({ address }) => address).join(", ")}`);
      } catch (error) {
        const { code = "" } = error as { code?: string };
        return bad("name", `${host} does not resolve (${code})`, "look at /etc/resolv.conf and at the name");
      }
    }),
  );

export const connection: Check = async ({ clouds, root, signal }) => {
  const keys = openKeys(keysFolder(root));
  return await Promise.all(
    clouds.map(async (cloud) => {
      const began = performance.now();
      try {
        await handshake(cloud, keys.current(), signal);
        return ok(
          "connection",
          `${cloud} takes this node's certificate (${Math.round(performance.now() - began)} ms)`,
        );
      } catch (error) {
        const { message } = SampanError.from(error);
        return bad("connection", message, "see what is between: firewall, proxy, the cloud's own log");
      }
    }),
  );
};

async function handshake(
  cloud: string,
  { authority, certificate: cert, key }: { authority: string; certificate: string; key: string },
  signal: AbortSignal,
): Promise<void> {
  const { host, port } = parseAddress(cloud, 10_000);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const socket = connect({ host, port, ca: authority, cert, key, minVersion: "TLSv1.2" });
  const end = AbortSignal.any([signal, AbortSignal.timeout(deadline)]);
  const abort = () => reject(new Error("ETIMEDOUT"));
  end.addEventListener("abort", abort, { once: true });
  let timer: ReturnType<typeof setTimeout> | undefined;
  socket.once("secureConnect", () => {
    timer = setTimeout(resolve, settle);
  });
  socket.once("error", reject);
  socket.once("close", () => reject(new Error("ECONNRESET")));
  try {
    await promise;
  } catch (error) {
    throw troubleOf(cloud, error).error;
  } finally {
    clearTimeout(timer);
    end.removeEventListener("abort", abort);
    socket.destroy();
  }
}

export const clock: Check = async ({ clouds, certificatePort, root, signal }) => {
  const findings: Finding[] = [];
  for (const cloud of clouds) {
    const address = formatAddress({ host: parseAddress(cloud, 10_000).host, port: certificatePort });
    try {
      const answer = await askCloud({ address, path: "/ca.crt", authority: undefined, signal });
      findings.push(authorityOf(address, answer.body, root), difference(cloud, answer.date, Date.now()));
    } catch (error) {
      const todo = "certificates are renewed there: open the port to the cloud";
      findings.push(bad("certificate port", SampanError.from(error).message, todo));
    }
  }
  return findings;
};

function authorityOf(address: string, body: Buffer, root: string): Finding {
  const check = "certificate port";
  try {
    const own = new X509Certificate(openKeys(keysFolder(root)).current().authority);
    return own.raw.equals(body)
      ? ok(check, `${address} has the authority that this node joined`)
      : bad(
          check,
          `${address} has another authority than the one that this node joined`,
          "join again with --force",
        );
  } catch {
    return ok(check, `${address} answers`);
  }
}

/** HTTP's dates are whole seconds. */
function difference(cloud: string, theirs: number | undefined, ours: number): Finding {
  if (theirs === undefined) return warn("clock", `${cloud} does not say its time`, "");
  const seconds = Math.round((ours - theirs) / 1000);
  const text = `${Math.abs(seconds)} s ${seconds < 0 ? "behind" : "ahead of"} ${cloud}`;
  if (Math.abs(seconds) <= 2) return ok("clock", `the same as that of ${cloud}`);
  return Math.abs(seconds) <= 60
    ? warn("clock", text, "set up time synchronization (chrony, systemd-timesyncd)")
    : bad("clock", text, "set the clock: certificates and tokens are judged by it");
}
