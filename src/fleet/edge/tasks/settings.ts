/**
 * Settings that the cloud may change, by their place in the settings file. Not among them: where data, keys and tokens lie, who the node is, and whether those who ask on this machine are
 * checked. A value is text on the wire and gets the type that its place has.
 */
import { invalid } from "../../../base/errors.ts";
import { isRecord } from "../../link/json.ts";

type Kind = "text" | "count" | "texts";

const places: Readonly<Record<string, Kind>> = {
  log_level: "text",
  clouds: "texts",
  "metaserver.port": "count",
  "servicebus.port": "count",
  "kubelet.port": "count",
  "mqtt.mode": "text",
  "mqtt.host": "text",
  "mqtt.port": "count",
  "mqtt.url": "text",
  "mqtt.username": "text",
  "pods.most": "count",
  "pods.taints": "texts",
  "pods.cluster_dns": "text",
  "pods.cluster_domain": "text",
};

/** The settings with the changes in them; what is given is left as it is. @throws SampanError invalid_argument that names the place. */
export function changedSettings(
  settings: Readonly<Record<string, unknown>>,
  changes: Readonly<Record<string, string>>,
): Record<string, unknown> {
  const entries = Object.entries(changes);
  if (entries.length === 0) throw invalid("cannot change the settings: no field is named");
  const changed = structuredClone(settings) as Record<string, unknown>;
  for (const [place, text] of entries) {
    const kind = Object.hasOwn(places, place) ? places[place] : undefined;
    if (kind === undefined)
      throw invalid(
        `cannot change setting ${JSON.stringify(place.slice(0, 80))}: the cloud may change ${Object.keys(places).join(", ")}`,
      );
    set(changed, place.split("."), valueOf(place, kind, text));
  }
  return changed;
}

function valueOf(place: string, kind: Kind, text: string): string | number | string[] {
  if (kind === "text") return text;
  if (kind === "texts")
    return text
      .split(",")
      .map((each) => each.trim())
      .filter((each) => each !== "");
  if (!/^\d{1,9}$/.test(text))
    throw invalid(`cannot change setting "${place}": ${JSON.stringify(text.slice(0, 40))} is no number`);
  return Number(text);
}

/** Places are from the table above, of one or two parts. */
function set(
  settings: Record<string, unknown>,
  [first = "", second]: readonly string[],
  value: unknown,
): void {
  if (second === undefined) {
    settings[first] = value;
    return;
  }
  const table = settings[first];
  settings[first] = { ...(isRecord(table) ? table : {}), [second]: value };
}
