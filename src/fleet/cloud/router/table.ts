/** The rules that count now, and what each node has to know of them. Held against the API at each change; nothing of it is kept elsewhere. */
import { SampanError } from "../../../base/errors.ts";
import type { KubeObject } from "../../../spec/kubernetes/kube.ts";
import type { CloudContext } from "../part.ts";
import {
  compileRule,
  listensTo,
  topicFits,
  type CompiledRule,
  type FromService,
  type FromTopic,
  type Inward,
  type Listening,
} from "./compile.ts";
import { endpoints, rules } from "./kinds.ts";
import { compareUse, patternFits, type Address } from "./paths.ts";

export interface RuleTableOptions {
  /** A node begins, or ends, to listen. */
  readonly onListening: (what: Listening, isOn: boolean) => void;
  /** A rule cannot be used. */
  readonly onFault: (rule: KubeObject, reason: string) => void;
}

const textOf = ({ bus, resource }: Listening) => `${bus} ${resource}`;

export class RuleTable {
  private readonly informers: CloudContext["informers"];
  private readonly options: RuleTableOptions;
  private readonly compiled = new Map<string, CompiledRule>();
  /** How many rules want it, by node and text. */
  private readonly listening = new Map<string, Map<string, { readonly what: Listening; count: number }>>();

  constructor(informers: CloudContext["informers"], options: RuleTableOptions) {
    this.informers = informers;
    this.options = options;
  }

  begin(): void {
    const of = { rules: this.informers.of(rules), endpoints: this.informers.of(endpoints) };
    for (const rule of of.rules.store.all()) this.renew(rule);
    of.rules.onChange((now, before) => {
      if (now && before && Bun.deepEquals(now["spec"], before["spec"])) return;
      if (now) this.renew(now);
      else if (before) this.set(keyOf(before), undefined);
    });
    of.endpoints.onChange((now, before) => {
      const { namespace = "", name } = (now ?? before)?.metadata ?? {};
      if (now && before && Bun.deepEquals(now["spec"], before["spec"])) return;
      for (const rule of of.rules.store.inNamespace(namespace)) if (names(rule, name)) this.renew(rule);
    });
  }

  /** The rule of the path that says most. */
  find({ namespace, parts }: Address): Inward | undefined {
    let best: Inward | undefined;
    for (const rule of this.compiled.values()) {
      if (!("path" in rule) || rule.namespace !== namespace || !patternFits(rule.path, parts)) continue;
      const order = best ? compareUse(rule.path, best.path) || (rule.key < best.key ? -1 : 1) : -1;
      if (order < 0) best = rule;
    }
    return best;
  }

  ofTopic(node: string, topic: string): readonly FromTopic[] {
    return [...this.compiled.values()].filter(
      (rule): rule is FromTopic =>
        rule.kind === "eventbus → rest" && rule.node === node && topicFits(rule.filter, topic),
    );
  }

  ofTarget(node: string, target: string): FromService | undefined {
    return [...this.compiled.values()].find(
      (rule): rule is FromService =>
        rule.kind === "servicebus → rest" && rule.node === node && rule.target === target,
    );
  }

  /** All that a node listens to. */
  listeningOf(node: string): readonly Listening[] {
    return [...(this.listening.get(node)?.values() ?? [])].map(({ what }) => what);
  }

  private renew(rule: KubeObject): void {
    const { namespace = "" } = rule.metadata;
    const find = (name: string) => this.informers.of(endpoints).store.get(namespace, name);
    try {
      this.set(keyOf(rule), compileRule(rule, find));
    } catch (error) {
      this.set(keyOf(rule), undefined);
      this.options.onFault(rule, SampanError.from(error).message);
    }
  }

  private set(key: string, rule: CompiledRule | undefined): void {
    const before = this.compiled.get(key);
    if (rule) this.compiled.set(key, rule);
    else this.compiled.delete(key);
    const [from, to] = [before && listensTo(before), rule && listensTo(rule)];
    // First the new one: what both want is never off in between.
    if (to) this.count(to, 1);
    if (from) this.count(from, -1);
  }

  private count(what: Listening, step: 1 | -1): void {
    const own =
      this.listening.get(what.node) ?? new Map<string, { readonly what: Listening; count: number }>();
    this.listening.set(what.node, own);
    const entry = own.get(textOf(what)) ?? { what, count: 0 };
    own.set(textOf(what), entry);
    entry.count += step;
    if (step === 1 && entry.count === 1) this.options.onListening(what, true);
    if (entry.count > 0) return;
    own.delete(textOf(what));
    if (own.size === 0) this.listening.delete(what.node);
    this.options.onListening(what, false);
  }
}

function keyOf({ metadata: { namespace = "", name = "" } }: KubeObject): string {
  return `${namespace}/${name}`;
}

function names({ spec }: KubeObject, endpoint: string | undefined): boolean {
  const { source, target } = (spec ?? {}) as { readonly source?: unknown; readonly target?: unknown };
  return endpoint !== undefined && (source === endpoint || target === endpoint);
}
