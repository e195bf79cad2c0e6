import { expect, test } from "bun:test";
import { signalNumber } from "../../../engine/containers/signals.ts";
import { Signal } from "../../../wire/cri/cri_pb.ts";
import { signalName, signalOf } from "./signals.ts";

test("each signal of the standard is one that the engine knows, and comes back", () => {
  for (const [name, signal] of Object.entries(Signal)) {
    const known = signalName(signal);
    if (signal === Signal.RUNTIME_DEFAULT) expect(known).toBeUndefined();
    else {
      expect(signalNumber(known ?? ""), name).toBeGreaterThan(0);
      expect(signalName(signalOf(known ?? "")), name).toBe(known);
    }
  }
  expect(() => signalName(99 as Signal)).toThrow("99");
});

test("what an image says is told where it has a name", () => {
  expect(signalOf("quit")).toBe(Signal.SIGQUIT);
  expect(signalOf("SIGRTMIN+3")).toBe(Signal.SIGRTMINPLUS3);
  for (const none of ["", "37", "constructor", "NONE"]) expect(signalOf(none)).toBe(Signal.RUNTIME_DEFAULT);
});
