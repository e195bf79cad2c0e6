/** What probes and life cycle hooks must be. */
import type { StatusCause } from "../../../../../spec/kubernetes/kube.ts";
import { forbidden, invalid, required } from "../fields/complaints.ts";
import { isPort, portName, portRule } from "../fields/names.ts";
import { at, isFields, number, type Fields } from "../fields/read.ts";

const handlers = ["exec", "httpGet", "tcpSocket", "grpc", "sleep"] as const;
const counts = [
  "initialDelaySeconds",
  "timeoutSeconds",
  "periodSeconds",
  "successThreshold",
  "failureThreshold",
];
const notNegative = "must be greater than or equal to 0";

export function probeCauses(probe: unknown, field: string, mayRepeat: boolean): StatusCause[] {
  if (!isFields(probe)) return [];
  return [
    ...handlerCauses(probe, field),
    ...counts
      .filter((name) => number(probe[name]) < 0)
      .map((name) => invalid(`${field}.${name}`, probe[name], notNegative)),
    ...(!mayRepeat && number(probe.successThreshold, 1) !== 1
      ? [invalid(`${field}.successThreshold`, probe.successThreshold, "must be 1")]
      : []),
    ...(probe.terminationGracePeriodSeconds !== undefined && number(probe.terminationGracePeriodSeconds) <= 0
      ? [
          invalid(
            `${field}.terminationGracePeriodSeconds`,
            probe.terminationGracePeriodSeconds,
            "must be greater than 0",
          ),
        ]
      : []),
  ];
}

/** Exactly one of the ways to do it. */
export function handlerCauses(handler: Fields, field: string): StatusCause[] {
  const given = handlers.filter((name) => isFields(handler[name]));
  if (given.length === 0) return [required(field, "must specify a handler type")];
  const [, ...more] = given;
  const { exec, httpGet, tcpSocket, grpc } = handler;
  return [
    ...more.map((name) => forbidden(`${field}.${name}`, "may not specify more than 1 handler type")),
    ...(isFields(exec) && (!Array.isArray(exec.command) || exec.command.length === 0)
      ? [required(`${field}.exec.command`)]
      : []),
    ...(isFields(httpGet) ? portCauses(httpGet.port, `${field}.httpGet.port`) : []),
    ...(isFields(tcpSocket) ? portCauses(tcpSocket.port, `${field}.tcpSocket.port`) : []),
    ...(isFields(grpc) ? portCauses(grpc.port, `${field}.grpc.port`) : []),
  ];
}

/** A port by its number or its name. */
export function portCauses(port: unknown, field: string): StatusCause[] {
  if (typeof port === "number") return isPort(port) ? [] : [invalid(field, port, portRule)];
  if (typeof port !== "string") return [];
  return portName(port).map((detail) => invalid(field, port, detail));
}

export function lifecycleCauses(lifecycle: unknown, field: string): StatusCause[] {
  return ["postStart", "preStop"].flatMap((name) => {
    const handler = at(lifecycle)[name];
    return isFields(handler) ? handlerCauses(handler, `${field}.${name}`) : [];
  });
}
