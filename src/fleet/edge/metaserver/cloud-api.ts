/** The Kubernetes API behind the cloud, by MetaServer's messages. A cloud that is silent is not asked again for a while: who reads gets what is stored. */
import type { Clock } from "../../../base/clock.ts";
import { SampanError } from "../../../base/errors.ts";
import { KubeError, reasons, type Reason, type ResourceId } from "../../../spec/kubernetes/kube.ts";
import { message } from "../../link/envelope.ts";
import {
  applicationId,
  formatKey,
  request,
  response,
  type Application,
  type Key,
  type Verb,
} from "../../link/kinds/application.ts";
import type { Status } from "../../link/kinds/kube.ts";
import type { CloudLink } from "../hub/hub.ts";

export interface Asked {
  readonly verb: Verb;
  readonly key: Key;
  /** The verb's options, as JSON. */
  readonly options?: object;
  readonly body?: Uint8Array;
  readonly subresource?: string;
  readonly signal: AbortSignal;
}

export interface CloudApi {
  /** Whether it is worth asking. */
  readonly answers: boolean;
  /** JSON of the object or list. Throws a KubeError: the API's own, or `ServiceUnavailable`. */
  ask(asked: Asked): Promise<string>;
  application(asked: Omit<Asked, "signal">): Application;
}

/** Milliseconds. Reading falls back to what is stored; writing has nothing to fall back to. */
const deadlines = { read: 2_000, write: 10_000 } as const;
const silence = 15_000;
const reads: readonly Verb[] = ["get", "list", "watch"];

export function resourceKey(id: ResourceId, namespace: string | undefined, name: string | undefined): Key {
  return {
    is: "resource",
    ...id,
    ...(namespace === undefined ? {} : { namespace }),
    ...(name === undefined ? {} : { name }),
  };
}

export function openCloudApi(link: CloudLink, clock: Clock): CloudApi {
  let quietUntil = Number.NEGATIVE_INFINITY;
  const application = ({
    verb,
    key,
    options = {},
    body,
    subresource = "",
  }: Omit<Asked, "signal">): Application => {
    const identity = {
      Nodename: link.node,
      Key: formatKey(key),
      Verb: verb,
      Option: Buffer.from(JSON.stringify(options)),
      ReqBody: body ?? null,
      Subresource: subresource,
    };
    return {
      ...identity,
      ID: applicationId(identity),
      RespBody: null,
      Status: "InApplying",
      Reason: "",
      Error: { ErrStatus: { metadata: {} } },
      Timestamp: "0001-01-01T00:00:00Z",
    };
  };
  return {
    application,
    get answers() {
      return link.connected && clock.now() >= quietUntil;
    },
    async ask(asked) {
      const route = { source: "metaserver", group: "dynamiccontroller", operation: "null", resource: "null" };
      const question = message(route, request.build(application(asked)), { now: clock.now() });
      const deadline = reads.includes(asked.verb) ? deadlines.read : deadlines.write;
      // The message says it within, and has no resource of its own.
      const about = `${asked.verb} ${JSON.stringify(formatKey(asked.key))}`;
      let content: unknown;
      try {
        ({ content } = await link.ask(question, { signal: asked.signal, deadline, about }));
      } catch (error) {
        const { code, message: words } = SampanError.from(error);
        // An old cloud whose dynamiccontroller is off never answers.
        if (code === "deadline_exceeded") quietUntil = clock.now() + silence;
        throw unavailable(words, error);
      }
      quietUntil = Number.NEGATIVE_INFINITY;
      return bodyOf(response.parse(content));
    },
  };
}

export function unavailable(why: string, cause?: unknown): KubeError {
  return new KubeError("ServiceUnavailable", `the cloud cannot be asked: ${why}`, undefined, { cause });
}

function bodyOf({ Status: status, RespBody, Error: error, Reason: reason }: Application): string {
  if (status === "Approved") return RespBody === null ? "{}" : new TextDecoder().decode(RespBody);
  throw errorOf(error.ErrStatus, reason);
}

function errorOf({ reason, code, message: words, details }: Status, text: string): KubeError {
  const known = Object.keys(reasons).find((each): each is Reason => each === reason);
  const byCode = Object.entries(reasons).find(([, row]) => row.code === code)?.[0] as Reason | undefined;
  return new KubeError(
    known ?? byCode ?? "InternalError",
    words ?? (text || "the cloud refused without a word"),
    details as ConstructorParameters<typeof KubeError>[2],
  );
}
