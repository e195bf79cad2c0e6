/** The one place that knows the library for CEL. It is loaded with the first rule: most servers never see one, and it costs 15 MiB and a tenth of a second. */
import type * as Cel from "@marcbachmann/cel-js";

export type Environment = Cel.Environment;

export function celLibrary(): typeof Cel {
  return require("@marcbachmann/cel-js") as typeof Cel;
}
