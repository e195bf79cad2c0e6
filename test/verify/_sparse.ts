/** One sparse file in the form of PAX 1.0 (GNU tar manual, "Storing Sparse Files"): two pieces of data, and a hole between and behind them. */
import { makeImage, type TestImage } from "../images/image.ts";

export function sparseImage(): TestImage {
  const map = Buffer.alloc(512);
  map.write("2\n0\n4\n65536\n5\n");
  const content = Buffer.concat([map, Buffer.from("headtail!")]);
  const pax = {
    "GNU.sparse.major": "1",
    "GNU.sparse.minor": "0",
    "GNU.sparse.name": "sparse",
    "GNU.sparse.realsize": "1048576",
  };
  return makeImage({ layers: [[{ name: "GNUSparseFile.0/sparse", content: new Uint8Array(content), pax }]] });
}
