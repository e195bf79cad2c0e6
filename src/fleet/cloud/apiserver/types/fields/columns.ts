/** Columns of `kubectl get` as short tables: each with its name and how its cell is read. */
import type { KubeObject } from "../../../../../spec/kubernetes/kube.ts";
import type { Column, Table } from "../../resource.ts";
import { age } from "./age.ts";

export interface ColumnRow {
  readonly name: string;
  readonly type?: Column["type"];
  readonly format?: string;
  /** Only with -o wide. */
  readonly wide?: boolean;
  /** Shown always, but behind the age. */
  readonly afterAge?: boolean;
  readonly description: string;
  readonly cell: (object: KubeObject, now: number) => unknown;
}

export const nameColumn: ColumnRow = {
  name: "Name",
  format: "name",
  description: "The object's name.",
  cell: ({ metadata }) => metadata.name,
};

export const ageColumn: ColumnRow = {
  name: "Age",
  description: "Since its creation.",
  cell: ({ metadata }, now) => age(metadata.creationTimestamp, now),
};

export function table(rows: readonly ColumnRow[]): Table {
  return {
    columns: rows.map(({ name, type = "string", format = "", wide, description }) => ({
      name,
      type,
      format,
      description,
      priority: wide ? 1 : 0,
    })),
    cells: (object, now) => rows.map(({ cell }) => cell(object, now)),
  };
}

/** Name, what is between, and age; behind it what asks for that, and the columns of -o wide. */
export function namedTable(rows: readonly ColumnRow[] = []): Table {
  const late = ({ wide, afterAge }: ColumnRow): boolean => wide === true || afterAge === true;
  return table([nameColumn, ...rows.filter((row) => !late(row)), ageColumn, ...rows.filter(late)]);
}
