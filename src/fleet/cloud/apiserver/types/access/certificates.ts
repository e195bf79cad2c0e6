/** How certificate signing requests are shown and found; what they must be is with those who sign them. */
import type { Strategy } from "../../resource.ts";
import { duration } from "../fields/age.ts";
import { namedTable } from "../fields/columns.ts";
import { at, entries, text } from "../fields/read.ts";

const decisions = ["Approved", "Denied"];

export const csrStrategy: Strategy = {
  selectableFields: ({ spec }) => ({ "spec.signerName": text(at(spec).signerName) }),
};

export const csrTable = namedTable([
  {
    name: "SignerName",
    afterAge: true,
    description: "Who should sign.",
    cell: ({ spec }) => text(at(spec).signerName),
  },
  {
    name: "Requestor",
    afterAge: true,
    description: "Who asked.",
    cell: ({ spec }) => text(at(spec).username),
  },
  {
    name: "RequestedDuration",
    afterAge: true,
    description: "How long it should be valid.",
    cell: ({ spec }) => {
      const { expirationSeconds } = at(spec);
      return typeof expirationSeconds === "number" ? duration(expirationSeconds * 1000) : "<none>";
    },
  },
  {
    name: "Condition",
    afterAge: true,
    description: "What became of it.",
    cell: ({ status }) => {
      const types = entries(at(status).conditions).map(({ type }) => text(type));
      const words = [
        ...types.filter((type) => decisions.includes(type)),
        ...types.filter((type) => type === "Failed"),
        ...(text(at(status).certificate) === "" ? [] : ["Issued"]),
      ];
      return words.length === 0 ? "Pending" : words.join(",");
    },
  },
]);
