/** What a template is once parsed. `at` is an offset in the template's text, for errors. */

export type Node =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "print"; readonly pipe: Pipe }
  | Block
  | { readonly kind: "break"; readonly at: number }
  | { readonly kind: "continue"; readonly at: number };

export interface Block {
  readonly kind: "if" | "with" | "range";
  readonly at: number;
  readonly pipe: Pipe;
  readonly body: readonly Node[];
  readonly otherwise: readonly Node[];
}

/** `$i, $e := a | b`. Each command's value is the last argument of the next one. */
export interface Pipe {
  readonly at: number;
  readonly variables: readonly string[];
  /** `:=` makes the variables, `=` sets ones that are there. */
  readonly declares: boolean;
  readonly commands: readonly Command[];
}

export interface Command {
  readonly at: number;
  readonly operands: readonly [Operand, ...Operand[]];
}

export type Operand =
  | { readonly kind: "literal"; readonly at: number; readonly value: string | number | boolean | null }
  | { readonly kind: "dot"; readonly at: number }
  | { readonly kind: "variable" | "function"; readonly at: number; readonly name: string }
  | { readonly kind: "pipe"; readonly at: number; readonly pipe: Pipe }
  | { readonly kind: "field"; readonly at: number; readonly of: Operand; readonly name: string };
