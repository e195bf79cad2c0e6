/** Names of services and pods, by the book alone: Kubernetes' DNS-based service discovery 1.1.0. Pure. */
import type { Answer, Question } from "dns-packet";
import { isIP } from "node:net";
import { rcode, reverseName, rotated } from "../../../engine/networks/resolver/answer.ts";
import type { Decision } from "../../../engine/networks/resolver/respond.ts";
import type { Endpoint, KnownService, ServiceBook } from "./book.ts";

export interface NamesOptions {
  readonly domain: string;
  /** For what is no name of ours. */
  readonly servers: () => readonly string[];
}

/** Seconds; endpoints change. */
const timeToLive = 5;

export function decideName(
  book: ServiceBook,
  question: Question,
  { domain, servers, turn }: NamesOptions & { readonly turn: number },
): Decision {
  const name = question.name.toLowerCase().replace(/\.$/, "");
  if (question.type === "PTR") {
    const found = pointers(book, name, domain);
    if (found.length > 0)
      return {
        code: rcode.ok,
        answers: found.map((data) => ({ type: "PTR", name: question.name, ttl: timeToLive, data })),
      };
  }
  const suffix = `.${domain}`;
  if (name !== domain && !name.endsWith(suffix))
    return name.includes(".") ? { servers: servers() } : { code: rcode.noName };
  const answers =
    name === domain ? [] : within(book, name.slice(0, -suffix.length).split("."), { question, domain, turn });
  return answers ? { code: rcode.ok, answers } : { code: rcode.noName };
}

interface Asked {
  readonly question: Question;
  readonly domain: string;
  readonly turn: number;
}

/** Undefined: there is no such name. None: it has nothing of that type. */
function within(book: ServiceBook, labels: readonly string[], asked: Asked): Answer[] | undefined {
  const kind = labels.at(-1);
  const namespace = labels.at(-2) ?? "";
  if (kind === "pod" && labels.length === 3) {
    const address = dashed(labels[0] ?? "");
    return address === undefined ? undefined : addresses([address], asked);
  }
  if (kind !== "svc") return undefined;
  const service = book.get(`${namespace}/${labels.at(-3) ?? ""}`);
  if (!service) return namespace !== "" && labels.length === 1 ? [] : undefined;
  const rest = labels.slice(0, -3);
  if (rest.length === 0) return ofService(service, asked);
  if (rest.length === 2 && rest.every((label) => label.startsWith("_"))) return records(service, rest, asked);
  if (rest.length !== 1 || service.addresses.length > 0) return undefined;
  const found = service.endpoints.filter((each) => labelOf(each) === rest[0]);
  return found.length > 0
    ? addresses(
        found.map(({ address }) => address),
        asked,
      )
    : undefined;
}

function ofService(service: KnownService, asked: Asked): Answer[] {
  const { question } = asked;
  if (service.externalName !== undefined)
    return ["A", "AAAA", "CNAME"].includes(question.type)
      ? [{ type: "CNAME", name: question.name, ttl: timeToLive, data: service.externalName }]
      : [];
  if (service.addresses.length > 0) return addresses(service.addresses, asked);
  return addresses(
    service.endpoints.map(({ address }) => address),
    asked,
  );
}

function addresses(all: readonly string[], { question, turn }: Asked): Answer[] {
  const wanted = all.filter((address) => question.type === (address.includes(":") ? "AAAA" : "A"));
  return rotated(wanted, turn).map((data) => ({
    type: data.includes(":") ? "AAAA" : "A",
    name: question.name,
    ttl: timeToLive,
    data,
  }));
}

/** `_http._tcp`: where a port of that name is. */
function records(
  service: KnownService,
  [portName = "", protocolName = ""]: readonly string[],
  { question, domain }: Asked,
): Answer[] | undefined {
  const [wanted, protocol] = [portName.slice(1), protocolName.slice(1)];
  const port = service.ports.find((each) => each.name === wanted && each.protocol === protocol);
  if (!port) return undefined;
  if (question.type !== "SRV") return [];
  const full = `${service.name}.${service.namespace}.svc.${domain}`;
  const record = (target: string, number: number): Answer => ({
    type: "SRV",
    name: question.name,
    ttl: timeToLive,
    data: { priority: 0, weight: 100, port: number, target },
  });
  if (service.addresses.length > 0) return [record(full, port.port)];
  return service.endpoints.flatMap((each) => {
    const target = each.ports[wanted];
    return target ? [record(`${labelOf(each)}.${full}`, target.port)] : [];
  });
}

/** Its host name, or its address with dashes. */
function labelOf({ hostname, address }: Endpoint): string {
  return hostname ?? address.replaceAll(/[.:]/g, "-");
}

function dashed(label: string): string | undefined {
  const four = label.replaceAll("-", ".");
  if (isIP(four) === 4) return four;
  const six = label.replaceAll("-", ":");
  return isIP(six) === 6 ? six : undefined;
}

function pointers(book: ServiceBook, name: string, domain: string): string[] {
  for (const service of book.values()) {
    const full = `${service.name}.${service.namespace}.svc.${domain}`;
    if (service.addresses.some((address) => reverseName(address) === name)) return [full];
    if (service.addresses.length > 0) continue;
    const found = service.endpoints.find(({ address }) => reverseName(address) === name);
    if (found) return [`${labelOf(found)}.${full}`];
  }
  return [];
}
