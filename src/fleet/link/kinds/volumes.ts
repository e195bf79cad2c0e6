/** Volumes of CSI, whose driver stands in the cloud and asks an edge. */
import { inText } from "../codec.ts";
import { inBytes } from "./connection.ts";
import { kind } from "./kind.ts";
import { patch } from "./kube.ts";

type Body = Record<string, unknown>;

/** A request of CSI as JSON in a text. */
export const volumeRequest = kind<Body>("request for a volume", {
  way: "down",
  on: {
    group: "resource",
    operation: ["createvolume", "deletevolume", "controllerpublishvolume", "controllerunpublishvolume"],
  },
  content: inText(patch),
});

/** The response of CSI as JSON in base64. */
export const volumeReply = kind<Body>("answer for a volume", {
  way: "up",
  on: { operation: "response", type: "volume" },
  content: inBytes(patch),
});
