// deadline: 180 s
/** A program in a pod on the bridge asks `kubernetes.default.svc` with the official client, as it would in any cluster. */
import { expect } from "bun:test";
import { copyFileSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { needing } from "../../needs.ts";
import { image, needs, node, until, World } from "../survival/_world.ts";

const { test } = needing({
  ...needs,
  programs: [...needs.programs, "node"],
  files: [...needs.files, "/lib64"],
});
const modules = resolve(import.meta.dir, "../../../node_modules");

const role = {
  kind: "Role",
  apiVersion: "rbac.authorization.k8s.io/v1",
  metadata: { name: "reads" },
  rules: [{ apiGroups: [""], resources: ["configmaps"], verbs: ["get"] }],
};
const binding = {
  kind: "RoleBinding",
  apiVersion: "rbac.authorization.k8s.io/v1",
  metadata: { name: "reads" },
  subjects: [{ kind: "ServiceAccount", name: "default", namespace: "default" }],
  roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "reads" },
};

/** The machine's own node, and nothing of the machine besides. */
const places = { usr: "/usr", lib: "/lib", lib64: "/lib64", modules };

const pod = (world: World) => ({
  kind: "Pod",
  apiVersion: "v1",
  metadata: { name: "asker" },
  spec: {
    nodeName: node,
    terminationGracePeriodSeconds: 1,
    containers: [
      {
        name: "main",
        image,
        imagePullPolicy: "Never",
        command: [Bun.which("node"), "/app/asker.mjs"],
        volumeMounts: [
          ...Object.keys(places).map((name) => ({
            name,
            mountPath: name === "modules" ? "/app/node_modules" : `/${name}`,
            readOnly: true,
          })),
          { name: "out", mountPath: "/out" },
          { name: "out", mountPath: "/app/asker.mjs", subPath: "asker.mjs", readOnly: true },
        ],
      },
    ],
    volumes: [
      ...Object.entries(places).map(([name, path]) => ({ name, hostPath: { path } })),
      { name: "out", hostPath: { path: world.path("out") } },
    ],
  },
});

interface Told {
  readonly host: string;
  readonly port: string;
  readonly map: { readonly data?: unknown };
  readonly named: { readonly data?: unknown; readonly message?: string };
  readonly secrets: { readonly code?: number; readonly items?: unknown };
  readonly forged: { readonly code?: number };
}

test("a pod reaches the API by the name, address and authority that any cluster gives it, also without the cloud", async () => {
  await using world = await World.open();
  copyFileSync(join(import.meta.dir, "_asker.mjs"), world.path("out/asker.mjs"));
  const words = { kind: "ConfigMap", apiVersion: "v1", metadata: { name: "words" }, data: { word: "hello" } };
  await world.send("POST", "/api/v1/namespaces/default/configmaps", words);
  const rbac = "/apis/rbac.authorization.k8s.io/v1/namespaces/default";
  await world.send("POST", `${rbac}/roles`, role);
  await world.send("POST", `${rbac}/rolebindings`, binding);
  await world.send("POST", "/api/v1/namespaces/default/pods", pod(world));

  const ask = async (): Promise<Told> => {
    rmSync(world.path("out/told"), { force: true });
    writeFileSync(world.path("out/ask"), "");
    await until("an answer", () => existsSync(world.path("out/told")), 40);
    return JSON.parse(readFileSync(world.path("out/told"), "utf8")) as Told;
  };
  const answered = (told: Told) => {
    expect(told.map.data).toEqual({ word: "hello" });
    expect(told.named.data).toEqual({ word: "hello" });
    expect(told.secrets.code).toBe(403);
    expect(told.forged.code).toBe(401);
  };
  // What the account may do comes a moment after its first pod.
  const told = await until("its rights", async () => {
    const now = await ask();
    return now.map.data !== undefined && now;
  });
  expect(told).toMatchObject({ host: "10.96.0.1", port: "443" });
  answered(told);
  world.lose(100);
  await until("the cut to be known", () => world.edge.said().includes("lost cloud"));
  answered(await ask());
}, 120_000);
