/** What requests and limits must be. */
import type { StatusCause } from "../../../../../spec/kubernetes/kube.ts";
import { invalid } from "../fields/complaints.ts";
import { qualified } from "../fields/names.ts";
import { at, text } from "../fields/read.ts";
import { nanoOf, parseQuantity } from "../../../../../spec/kubernetes/quantity.ts";

const standard = ["cpu", "memory", "ephemeral-storage"];
const whole = 1_000_000_000n;

export function resourceCauses(resources: unknown, field: string): StatusCause[] {
  const { requests, limits } = at(resources);
  return [
    ...amountCauses(limits, `${field}.limits`),
    ...amountCauses(requests, `${field}.requests`),
    ...Object.entries(at(requests)).flatMap(([name, request]) => {
      const limit = at(limits)[name];
      if (limit === undefined || nanoOf(request) <= nanoOf(limit)) return [];
      const detail = `must be less than or equal to ${name} limit of ${text(limit)}`;
      return [invalid(`${field}.requests`, request, detail)];
    }),
  ];
}

function amountCauses(amounts: unknown, field: string): StatusCause[] {
  return Object.entries(at(amounts)).flatMap(([name, amount]) => {
    const here = `${field}[${name}]`;
    const quantity = parseQuantity(amount);
    const known = standard.includes(name) || name.startsWith("hugepages-");
    return [
      ...nameCauses(name, here),
      ...(quantity && quantity.nano < 0n
        ? [invalid(here, amount, "must be greater than or equal to 0")]
        : []),
      ...(quantity && !known && quantity.nano % whole !== 0n
        ? [invalid(here, amount, "must be an integer")]
        : []),
    ];
  });
}

function nameCauses(name: string, field: string): StatusCause[] {
  if (standard.includes(name) || name.startsWith("hugepages-")) return [];
  if (!name.includes("/")) return [invalid(field, name, "must be a standard resource for containers")];
  return qualified(name).map((detail) => invalid(field, name, detail));
}
