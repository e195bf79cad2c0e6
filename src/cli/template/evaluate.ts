/** Runs a parsed template over a value. */
import { functions, headFunctions, Mismatch } from "./functions.ts";
import type { Block, Command, Node, Operand, Pipe } from "./tree.ts";
import { isTrue, kindOf, show, sorted } from "./value.ts";
import { wrongAt } from "./wrong.ts";

export interface EvaluateOptions {
  /** A table's head: values are column names. */
  readonly head?: boolean;
}

/** Errors: `invalid_argument` with line and column: a field that is not there, a function whose arguments do not fit. */
export function evaluate(
  { source, nodes }: { readonly source: string; readonly nodes: readonly Node[] },
  data: unknown,
  { head = false }: EvaluateOptions = {},
): string {
  const run = new Run(source, head);
  run.list(nodes, data, new Scope(undefined, "$", data));
  return run.text;
}

/** Variables, innermost first. */
class Scope {
  private readonly outer: Scope | undefined;
  private readonly values = new Map<string, unknown>();

  constructor(outer: Scope | undefined, name?: string, value?: unknown) {
    this.outer = outer;
    if (name !== undefined) this.values.set(name, value);
  }

  holder(name: string): Map<string, unknown> | undefined {
    return this.values.has(name) ? this.values : this.outer?.holder(name);
  }

  declare(name: string, value: unknown): void {
    this.values.set(name, value);
  }
}

type Flow = "on" | "break" | "continue";

class Run {
  text = "";
  private readonly source: string;
  private readonly head: boolean;

  constructor(source: string, head: boolean) {
    this.source = source;
    this.head = head;
  }

  list(nodes: readonly Node[], dot: unknown, scope: Scope): Flow {
    for (const node of nodes) {
      const flow = this.node(node, dot, scope);
      if (flow !== "on") return flow;
    }
    return "on";
  }

  private node(node: Node, dot: unknown, scope: Scope): Flow {
    if (node.kind === "text") this.text += node.text;
    else if (node.kind === "break" || node.kind === "continue") return node.kind;
    else if (node.kind === "print") {
      const value = this.pipe(node.pipe, dot, scope);
      if (node.pipe.variables.length === 0) this.text += show(value);
    } else if (node.kind === "range") return this.range(node, dot, scope);
    else {
      const inside = new Scope(scope);
      const value = this.pipe(node.pipe, dot, inside);
      if (!isTrue(value)) return this.list(node.otherwise, dot, inside);
      return this.list(node.body, node.kind === "with" ? value : dot, inside);
    }
    return "on";
  }

  private range(node: Block, dot: unknown, scope: Scope): Flow {
    const value = this.pipe({ ...node.pipe, variables: [] }, dot, scope);
    const entries = this.entries(value, node.pipe.at);
    if (entries.length === 0) return this.list(node.otherwise, dot, new Scope(scope));
    const names = node.pipe.variables;
    for (const [key, each] of entries) {
      const inside = new Scope(scope);
      const values = names.length === 2 ? [key, each] : [each];
      for (const [index, name] of names.entries()) inside.declare(name, values[index]);
      if (this.list(node.body, each, inside) === "break") break;
    }
    return "on";
  }

  private entries(value: unknown, at: number): readonly (readonly [unknown, unknown])[] {
    if (value === null || value === undefined) return [];
    if (Array.isArray(value)) return [...value.entries()];
    if (value instanceof Map) return sorted(value);
    throw wrongAt(this.source, at, `range wants a list or a map, got ${kindOf(value)}`);
  }

  private pipe(pipe: Pipe, dot: unknown, scope: Scope): unknown {
    let value: unknown;
    for (const [index, command] of pipe.commands.entries())
      value = this.command(command, { dot, scope, piped: index > 0 ? [value] : [] });
    for (const name of pipe.variables) {
      const holder = scope.holder(name);
      if (pipe.declares) scope.declare(name, value);
      else if (holder) holder.set(name, value);
      else throw wrongAt(this.source, pipe.at, `there is no variable ${name}`);
    }
    return value;
  }

  private command(
    command: Command,
    { dot, scope, piped }: { dot: unknown; scope: Scope; piped: readonly unknown[] },
  ): unknown {
    const [first, ...rest] = command.operands;
    if (first.kind !== "function") {
      if (rest.length + piped.length > 0)
        throw wrongAt(this.source, first.at, "this is no function and takes no arguments");
      return this.operand(first, dot, scope);
    }
    const decides = { and: false, or: true }[first.name];
    const values: unknown[] = [];
    for (const operand of rest) {
      const value = this.operand(operand, dot, scope);
      values.push(value);
      if (decides !== undefined && isTrue(value) === decides) return value;
    }
    return this.call(first.name, first.at, [...values, ...piped]);
  }

  private call(name: string, at: number, values: readonly unknown[]): unknown {
    const known = functions[name];
    if (!known) throw wrongAt(this.source, at, `there is no function "${name}"`);
    if (this.head && headFunctions.has(name)) return values[0];
    const { least, most = Number.POSITIVE_INFINITY } = known;
    if (values.length < least || values.length > most) {
      const wanted = most === least ? String(least) : `at least ${least}`;
      throw wrongAt(this.source, at, `${name} wants ${wanted} arguments, got ${values.length}`);
    }
    try {
      return known.call(values);
    } catch (error) {
      if (error instanceof Mismatch) throw wrongAt(this.source, at, `${name}: ${error.message}`);
      throw error;
    }
  }

  private operand(operand: Operand, dot: unknown, scope: Scope): unknown {
    switch (operand.kind) {
      case "literal":
        return operand.value;
      case "dot":
        return dot;
      case "function":
        return this.call(operand.name, operand.at, []);
      case "pipe":
        return this.pipe(operand.pipe, dot, new Scope(scope));
      case "variable": {
        const holder = scope.holder(operand.name);
        if (holder) return holder.get(operand.name);
        throw wrongAt(this.source, operand.at, `there is no variable ${operand.name}`);
      }
      case "field":
        return this.field(this.operand(operand.of, dot, scope), operand.name, operand.at);
    }
  }

  private field(of: unknown, name: string, at: number): unknown {
    if (of instanceof Map) return of.get(name);
    if (typeof of !== "object" || of === null || Array.isArray(of))
      throw wrongAt(this.source, at, `${kindOf(of)} has no field "${name}"`);
    if (Object.hasOwn(of, name)) return (of as Record<string, unknown>)[name];
    throw wrongAt(this.source, at, `no field "${name}"; there are ${Object.keys(of).join(", ")}`);
  }
}
