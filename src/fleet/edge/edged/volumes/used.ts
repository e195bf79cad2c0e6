/** How much an emptyDir holds. */
import { SampanError } from "../../../../base/errors.ts";
import { countTree } from "../../../../engine/disk/count.ts";

/** Allocated bytes; Infinity for one whose folders lie deeper than a path can say, in which no program needs to keep anything and only counting would be escaped. */
export async function usedBytes(path: string): Promise<number> {
  try {
    return await countTree(path);
  } catch (error) {
    const name = (error as NodeJS.ErrnoException).code ?? SampanError.from(error).message;
    if (/ENAMETOOLONG|name too long/i.test(name)) return Number.POSITIVE_INFINITY;
    throw error;
  }
}
