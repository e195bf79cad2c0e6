/** What is answered to a question, by the table alone. Pure. */
import type { Answer, Packet, Question } from "dns-packet";
import type { ResolverMember, ResolverTable } from "./table.ts";

/** Of dns-packet's `flags`: the last four bits are the response code. */
export const rcode = { ok: 0, failed: 2, noName: 3, notThere: 4, refused: 5 } as const;
const flag = { authoritative: 1 << 10, desired: 1 << 8, available: 1 << 7 } as const;

/** Seconds that an answer may be remembered: names follow containers. */
const timeToLive = 30;

/** Who asks from this address; undefined for anybody who is in no network of ours. */
export function memberOf(table: ResolverTable, address: string): ResolverMember | undefined {
  const plain = address.replace(/^::ffff:/, "");
  return Object.values(table.members).find(({ addresses }) => addresses.includes(plain));
}

/** The addresses of a name in the networks of who asks, the first network that has it. */
function addressesOf(table: ResolverTable, member: ResolverMember, name: string): readonly string[] {
  for (const network of member.networks) {
    const found = table.networks[network];
    if (found && Object.hasOwn(found, name)) return found[name] ?? [];
  }
  return [];
}

/** Each time another one first: who takes only the first spreads its connections. */
export function rotated<Item>(items: readonly Item[], by: number): Item[] {
  const at = items.length === 0 ? 0 : by % items.length;
  return [...items.slice(at), ...items.slice(0, at)];
}

/** Answers of our own; undefined when the question is not about a name of ours, and is to be passed on. */
export function ownAnswers(
  table: ResolverTable,
  member: ResolverMember,
  { question, turn }: { question: Question; turn: number },
): Answer[] | undefined {
  const name = question.name.toLowerCase().replace(/\.$/, "");
  if (question.type === "PTR") return pointers(table, member, { name, asked: question.name });
  const linked = Object.hasOwn(member.links, name) ? (member.links[name] ?? name) : name;
  const addresses = addressesOf(table, member, linked);
  if (addresses.length === 0) return undefined;
  const wanted = addresses.filter((address) => question.type === (address.includes(":") ? "AAAA" : "A"));
  return rotated(wanted, turn).map((data) => ({
    type: data.includes(":") ? "AAAA" : "A",
    name: question.name,
    ttl: timeToLive,
    data,
  }));
}

function pointers(
  table: ResolverTable,
  member: ResolverMember,
  { name, asked }: { name: string; asked: string },
): Answer[] | undefined {
  for (const network of member.networks) {
    const entries = Object.entries(table.networks[network] ?? {});
    const found = entries.find(([, addresses]) => addresses.some((address) => reverseName(address) === name));
    if (found) return [{ type: "PTR", name: asked, ttl: timeToLive, data: found[0] }];
  }
  return undefined;
}

/** `2.0.17.172.in-addr.arpa`, or the nibbles of an IPv6 address below ip6.arpa. */
export function reverseName(address: string): string {
  if (!address.includes(":")) return `${address.split(".").toReversed().join(".")}.in-addr.arpa`;
  const [head = "", tail] = address.split("::");
  const words = (part: string | undefined) => (part ? part.split(":") : []);
  const zeros = Array.from({ length: 8 - words(head).length - words(tail).length }, () => "0");
  const all = tail === undefined ? words(head) : [...words(head), ...zeros, ...words(tail)];
  const nibbles = all.map((word) => word.padStart(4, "0")).join("");
  return `${nibbles.split("").toReversed().join(".")}.ip6.arpa`;
}

export function reply(query: Packet, code: number, answers: Answer[] = []): Packet {
  return {
    type: "response",
    id: query.id ?? 0,
    flags: flag.authoritative | flag.available | ((query.flags ?? 0) & flag.desired) | code,
    questions: query.questions ?? [],
    answers,
  };
}
