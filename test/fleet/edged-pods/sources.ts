/** A Meta that answers from a table, and volumes on a folder of their own. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Clock } from "../../../src/base/clock.ts";
import { SampanError } from "../../../src/base/errors.ts";
import { removeTree } from "../../../src/engine/unpack/remove.ts";
import { unmountBelow } from "../../../src/fleet/edge/edged/volumes/mount-table.ts";
import { openVolumes, type VolumesOptions } from "../../../src/fleet/edge/edged/volumes/open.ts";
import type { KubeObject } from "../../../src/spec/kubernetes/kube.ts";
import { node } from "./pods.ts";

export const at = Date.parse("2026-11-21T12:00:00Z");
export const stoppedClock: Clock = { now: () => at, after: () => () => undefined };

export interface FakeMeta {
  readonly meta: VolumesOptions["meta"];
  /** By `configmap/name`; `"unavailable"`: the cloud cannot be asked. */
  readonly objects: Map<string, Partial<KubeObject> | "unavailable">;
  readonly asked: KubeObject[];
}

export function fakeMeta(): FakeMeta {
  const objects: FakeMeta["objects"] = new Map();
  const asked: KubeObject[] = [];
  const meta: VolumesOptions["meta"] = {
    async fetch({ namespace, type, name }) {
      const found = await Promise.resolve(objects.get(`${type}/${name}`));
      if (found === "unavailable") throw new SampanError("unavailable", "the cloud cannot be asked");
      if (!found) throw new SampanError("not_found", "there is none of that name");
      const { metadata, ...more } = found;
      return {
        apiVersion: "v1",
        kind: type,
        metadata: { name, ...(namespace && { namespace }), ...metadata },
        ...more,
      };
    },
    async token(account, request) {
      asked.push({ ...request, metadata: account });
      const { expirationSeconds } = request["spec"] as { expirationSeconds: number };
      const expirationTimestamp = new Date(at + expirationSeconds * 1000).toISOString();
      return await Promise.resolve({
        ...request,
        status: { token: `token-${asked.length}`, expirationTimestamp },
      });
    },
  };
  return { meta, objects, asked };
}

export function volumesFixture() {
  const root = mkdtempSync(join(tmpdir(), "sampan-volumes-"));
  const fake = fakeMeta();
  const log: string[] = [];
  const unpacker = { removeTree: async (path: string) => await Promise.resolve(removeTree(path)) };
  const open = (folder = root) =>
    openVolumes({
      root: join(folder, "edged"),
      meta: fake.meta,
      engine: { unpacker },
      node: { ...node, memory: 1 << 30 },
      clock: stoppedClock,
      log: (text) => log.push(text),
    });
  return {
    ...fake,
    root,
    log,
    open,
    volumes: open(),
    [Symbol.dispose]() {
      unmountBelow(root);
      rmSync(root, { recursive: true });
    },
  };
}
