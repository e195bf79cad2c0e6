/** From a message to its answer: by the table, or by a server that is asked. What comes is from containers, and may be anything. */
import { type Answer, decode, encode, type Packet, type Question } from "dns-packet";
import { memberOf, ownAnswers, rcode, reply } from "./answer.ts";
import type { Forwarder } from "./forward.ts";
import type { Handler } from "./listen.ts";
import type { ResolverTable } from "./table.ts";

/** A datagram that is longer is asked for again by TCP. */
const largestDatagram = 1232;
/** What everybody takes (RFC 1035, 4.2.1). */
const leastDatagram = 512;

export interface HandlerParts {
  readonly forwarder: Forwarder;
  /** Those of the host, now. */
  readonly hostServers: (table: ResolverTable) => readonly string[];
}

/** What is to be done with a question: an answer of our own, or servers to pass it on to. */
export type Decision =
  { readonly code: number; readonly answers?: Answer[] } | { readonly servers: readonly string[] };

export function handlerOf(table: () => ResolverTable, { forwarder, hostServers }: HandlerParts): Handler {
  let turn = 0;
  return answering(forwarder, (question, address) => {
    const now = table();
    const member = memberOf(now, address);
    if (!member) return { code: rcode.refused };
    const own = ownAnswers(now, member, { question, turn: turn++ });
    if (own) return { code: rcode.ok, answers: own };
    // A network without a way out has none for questions either (CVE-2024-29018), and a name without a dot is nobody's outside.
    if (!member.outside || !question.name.replace(/\.$/, "").includes(".")) return { code: rcode.noName };
    // An address of our own among the servers would ask in circles.
    const servers = member.dns.length > 0 ? member.dns : hostServers(now);
    return { servers: servers.filter((server) => !now.listen.includes(server)) };
  });
}

/** Answers each question as `decide` says, within what the asker takes. What is no question is not answered. */
export function answering(
  forwarder: Forwarder,
  decide: (question: Question, address: string) => Decision,
): Handler {
  return async (message, { address, byStream }) => {
    const query = decoded(message);
    const question = query?.questions?.[0];
    if (!query || !question || query.type !== "query") return undefined;
    const say = (code: number, answers?: Packet["answers"]) =>
      fitting(encode(reply(query, code, answers)), byStream ? undefined : sizeOf(query));
    const decision = decide(question, address);
    if ("code" in decision && decision.code === rcode.refused) return say(rcode.refused);
    if (query.opcode !== undefined && query.opcode !== "QUERY") return say(rcode.notThere);
    if ("code" in decision) return say(decision.code, decision.answers);
    const answer = await forwarder.ask(message, { servers: decision.servers, byStream, who: address });
    return answer ? fitting(answer, byStream ? undefined : largestDatagram) : say(rcode.failed);
  };
}

/** How long a datagram the asker takes (RFC 6891, 6.2.3). */
function sizeOf(query: Packet): number {
  const option = query.additionals?.find((each) => each.type === "OPT");
  const size = option?.type === "OPT" ? option.udpPayloadSize : leastDatagram;
  return Math.min(largestDatagram, Math.max(leastDatagram, size));
}

/** The answer, or header and question alone with the bit that says so. */
function fitting(answer: Uint8Array, limit: number | undefined): Uint8Array | undefined {
  if (limit === undefined || answer.length <= limit) return answer;
  const packet = decoded(answer);
  if (!packet) return undefined;
  const short = encode({ ...packet, answers: [], authorities: [], additionals: [] });
  short[2] = (short[2] ?? 0) | 2;
  return short;
}

function decoded(message: Uint8Array): (Packet & { opcode?: string }) | undefined {
  try {
    return decode(Buffer.from(message));
  } catch {
    return undefined;
  }
}
