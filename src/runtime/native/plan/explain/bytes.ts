/** A plan as it was kept beside a container, with the arguments that are bytes and no text as bytes. */
import { decodePlan, recordSize } from "../encode.ts";
import { operations, stages, type Operation, type OperationName, type Plan } from "../operations.ts";

/** The arguments that hold bytes: programs, masks, messages. */
export const byteArguments: { readonly [name in OperationName]?: string } = {
  seccomp: "filter",
  bpf_load: "code",
  netlink: "message",
  setgroups: "gids",
  sched_setattr: "attributes",
  sched_setaffinity: "mask",
  set_mempolicy: "mask",
};

/** Errors: those of decodePlan. */
export function readPlan(bytes: Uint8Array): Plan {
  const plan = decodePlan(bytes);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const exact = stages.map((stage, number) => {
    const start = view.getUint32(24 + number * 8, true);
    return (plan[stage] ?? []).map((operation, index) =>
      withBytes(operation, bytes, start + index * recordSize),
    );
  });
  const [parent = [], middle = [], init = [], monitor = []] = exact;
  return { parent, middle, init, ...(monitor.length > 0 && { monitor }) };
}

/** encode.ts: in a record the places of the texts start at byte 64, a u32 offset and a u32 length each. */
function withBytes(operation: Operation, bytes: Uint8Array, at: number): Operation {
  const name = byteArguments[operation.name];
  if (name === undefined) return operation;
  const place = at + 64 + Object.keys(operations[operation.name].texts).indexOf(name) * 8;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [start, length] = [view.getUint32(place, true), view.getUint32(place + 4, true)];
  return { ...operation, args: { ...operation.args, [name]: bytes.slice(start, start + length) } };
}
