/** additionalPrinterColumns as the table of `kubectl get`. */
import type { KubeObject } from "../../../../spec/kubernetes/kube.ts";
import type { Column, Table } from "../resource.ts";
import { ageColumn, type ColumnRow, nameColumn, table } from "../types/fields/columns.ts";
import { age } from "../types/fields/age.ts";
import type { PrinterColumn } from "./definition.ts";
import { findByPath, parseJsonPath } from "./json-path.ts";

/** Name first; without columns of its own the age. */
export function printerTable(columns: readonly PrinterColumn[]): Table {
  if (columns.length === 0) return table([nameColumn, ageColumn]);
  const name = table([nameColumn]);
  const own = columns.map(ownColumn);
  return {
    columns: [...name.columns, ...own.map(({ column }) => column)],
    cells: (object, now) => [...name.cells(object, now), ...own.map(({ cell }) => cell(object, now))],
  };
}

function ownColumn(given: PrinterColumn): { readonly column: Column; readonly cell: ColumnRow["cell"] } {
  const { name, type, format = "", description = "", priority = 0, jsonPath } = given;
  const path = parseJsonPath(jsonPath);
  const values = (object: KubeObject): readonly unknown[] =>
    typeof path === "string" ? [] : findByPath(object, path);
  // A date is sent as the age that it makes.
  const shown = type === "date" ? "date" : type;
  return {
    column: { name, type: shown as Column["type"], format, description, priority },
    cell: (object, now) => cellOf(values(object), type, now),
  };
}

/** Null where there is nothing, or something of another type. */
function cellOf(values: readonly unknown[], type: string, now: number): unknown {
  const [first] = values;
  if (first === undefined || first === null) return null;
  if (type === "string") return values.map(shownText).join(" ");
  if (type === "date") return typeof first === "string" ? age(first, now) : null;
  if (type === "integer") return typeof first === "number" ? Math.trunc(first) : null;
  if (type === "number") return typeof first === "number" ? first : null;
  return typeof first === "boolean" ? first : null;
}

function shownText(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "");
}
