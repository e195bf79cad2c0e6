/** Chain ids: OCI image specification 1.1, config.md, "Layer ChainID". */
import { digestOf, type Digest } from "./digest.ts";

/** The chain id of each layer with all below it, for diff ids from the lowest layer up. */
export function chainIds(diffIds: readonly Digest[]): Digest[] {
  const ids: Digest[] = [];
  for (const diffId of diffIds) {
    const below = ids.at(-1);
    ids.push(below ? digestOf(`${below} ${diffId}`) : diffId);
  }
  return ids;
}
