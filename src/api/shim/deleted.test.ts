import { expect, test } from "bun:test";
import { fromBinary } from "@bufbuild/protobuf";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { DeleteResponseSchema } from "../../wire/containerd/task_pb.ts";
import { encodeDeleted } from "./deleted.ts";

test("what is written by hand is what protobuf reads", () => {
  for (const [pid, code, at] of [
    [0, 0, 0],
    [4_194_304, 137, 1_900_000_000_999],
    [127, 255, 1_700_000_000_001],
  ] as const) {
    const read = fromBinary(DeleteResponseSchema, encodeDeleted({ pid, exit: { code, at } }));
    expect(read).toMatchObject({ pid, exitStatus: code });
    expect(read.exitedAt && timestampMs(read.exitedAt)).toBe(at);
  }
});
