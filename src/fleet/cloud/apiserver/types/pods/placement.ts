/** What tolerations, affinities and spreading must be. */
import type { StatusCause } from "../../../../../spec/kubernetes/kube.ts";
import { duplicate, invalid, required } from "../fields/complaints.ts";
import { labelValue, qualified } from "../fields/names.ts";
import { at, entries, isFields, number, text, texts, type Fields } from "../fields/read.ts";
import { selectorCauses } from "../fields/selectors.ts";

export function placementCauses(spec: Fields, field: string): StatusCause[] {
  const affinity = `${field}.affinity`;
  return [
    ...entries(spec.tolerations).flatMap((each, index) =>
      tolerationCauses(each, `${field}.tolerations[${index}]`),
    ),
    ...nodeAffinityCauses(at(spec, "affinity", "nodeAffinity"), `${affinity}.nodeAffinity`),
    ...["podAffinity", "podAntiAffinity"].flatMap((name) =>
      podAffinityCauses(at(spec, "affinity", name), `${affinity}.${name}`),
    ),
    ...spreadCauses(spec.topologySpreadConstraints, `${field}.topologySpreadConstraints`),
  ];
}

function tolerationCauses(toleration: Fields, field: string): StatusCause[] {
  const { key, operator, value, effect, tolerationSeconds } = toleration;
  const name = text(key);
  return [
    ...(name === "" ? [] : qualified(name).map((detail) => invalid(`${field}.key`, key, detail))),
    ...(name === "" && operator !== "Exists"
      ? [
          invalid(
            `${field}.operator`,
            operator ?? "",
            'operator must be Exists when `key` is empty, which means "match all values and all keys"',
          ),
        ]
      : []),
    ...(tolerationSeconds !== undefined && effect !== "NoExecute"
      ? [
          invalid(
            `${field}.effect`,
            effect ?? "",
            "effect must be 'NoExecute' when `tolerationSeconds` is set",
          ),
        ]
      : []),
    ...(operator === "Exists" && text(value) !== ""
      ? [invalid(`${field}.operator`, toleration, "value must be empty when `operator` is 'Exists'")]
      : []),
    ...(operator === "Exists"
      ? []
      : labelValue(text(value)).map((detail) => invalid(`${field}.operator`, value, detail))),
  ];
}

export function nodeSelectorCauses(selector: unknown, field: string): StatusCause[] {
  if (!isFields(selector)) return [];
  const terms = entries(selector.nodeSelectorTerms);
  if (terms.length === 0)
    return [required(`${field}.nodeSelectorTerms`, "must have at least one node selector term")];
  return terms.flatMap((term, index) => termCauses(term, `${field}.nodeSelectorTerms[${index}]`));
}

function termCauses(term: Fields, field: string): StatusCause[] {
  return entries(term.matchExpressions).flatMap(({ key, operator, values }, index) => {
    const here = `${field}.matchExpressions[${index}]`;
    const count = texts(values).length;
    const needs = operator === "In" || operator === "NotIn";
    const single = operator === "Gt" || operator === "Lt";
    return [
      ...qualified(text(key)).map((detail) => invalid(`${here}.key`, key, detail)),
      ...(needs && count === 0
        ? [required(`${here}.values`, "must be specified when `operator` is 'In' or 'NotIn'")]
        : []),
      ...(single && count !== 1
        ? [required(`${here}.values`, "must be specified single value when `operator` is 'Lt' or 'Gt'")]
        : []),
    ];
  });
}

const weightRule = "must be in the range 1-100";
const isWeight = (weight: unknown): boolean => number(weight) >= 1 && number(weight) <= 100;
const must = "requiredDuringSchedulingIgnoredDuringExecution";
const should = "preferredDuringSchedulingIgnoredDuringExecution";

function nodeAffinityCauses(affinity: Fields, field: string): StatusCause[] {
  return [
    ...nodeSelectorCauses(affinity[must], `${field}.${must}`),
    ...weightedCauses(affinity, field, (each, here) => termCauses(at(each.preference), `${here}.preference`)),
  ];
}

function podAffinityCauses(affinity: Fields, field: string): StatusCause[] {
  return [
    ...entries(affinity[must]).flatMap((term, index) => podTermCauses(term, `${field}.${must}[${index}]`)),
    ...weightedCauses(affinity, field, (each, here) =>
      podTermCauses(at(each.podAffinityTerm), `${here}.podAffinityTerm`),
    ),
  ];
}

/** Of the terms that are only wished for. */
function weightedCauses(
  affinity: Fields,
  field: string,
  causesOf: (term: Fields, field: string) => StatusCause[],
): StatusCause[] {
  return entries(affinity[should]).flatMap((each, index) => {
    const here = `${field}.${should}[${index}]`;
    const wrong = isWeight(each.weight) ? [] : [invalid(`${here}.weight`, each.weight, weightRule)];
    return [...wrong, ...causesOf(each, here)];
  });
}

function podTermCauses(term: Fields, field: string): StatusCause[] {
  return [
    ...(term.topologyKey === "" ? [required(`${field}.topologyKey`, "can not be empty")] : []),
    ...selectorCauses(term.labelSelector, `${field}.labelSelector`),
    ...selectorCauses(term.namespaceSelector, `${field}.namespaceSelector`),
  ];
}

function spreadCauses(constraints: unknown, field: string): StatusCause[] {
  const taken = new Set<string>();
  return entries(constraints).flatMap((each, index) => {
    const here = `${field}[${index}]`;
    const { maxSkew, topologyKey, whenUnsatisfiable, minDomains } = each;
    const pair = `{${text(topologyKey)}, ${text(whenUnsatisfiable)}}`;
    const twice = taken.has(pair) ? [duplicate(`${here}.{topologyKey, whenUnsatisfiable}`, pair)] : [];
    taken.add(pair);
    return [
      ...(typeof maxSkew === "number" && maxSkew <= 0
        ? [invalid(`${here}.maxSkew`, maxSkew, "must be greater than zero")]
        : []),
      ...(topologyKey === "" ? [required(`${here}.topologyKey`, "can not be empty")] : []),
      ...twice,
      ...(typeof minDomains === "number" && minDomains <= 0
        ? [invalid(`${here}.minDomains`, minDomains, "must be greater than zero")]
        : []),
      ...(minDomains !== undefined && whenUnsatisfiable !== "DoNotSchedule"
        ? [
            invalid(
              `${here}.minDomains`,
              minDomains,
              "can only use minDomains if whenUnsatisfiable=DoNotSchedule, not " + text(whenUnsatisfiable),
            ),
          ]
        : []),
      ...selectorCauses(each.labelSelector, `${here}.labelSelector`),
    ];
  });
}
