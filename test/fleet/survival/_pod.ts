/** A pod that writes to a folder of its machine what happens to it, under its uid, and sees a config map. */
export interface WritingPod {
  readonly node: string;
  readonly image: string;
  /** For sh; `$POD` is the uid, /out the folder, /config the config map `config`. */
  readonly program: string;
  readonly folder: string;
}

export function writingPod({ node, image, program, folder }: WritingPod): Record<string, unknown> {
  return {
    nodeSelector: { "kubernetes.io/hostname": node },
    terminationGracePeriodSeconds: 2,
    automountServiceAccountToken: false,
    containers: [
      {
        name: "main",
        image,
        imagePullPolicy: "Never",
        env: [{ name: "POD", valueFrom: { fieldRef: { fieldPath: "metadata.uid" } } }],
        command: ["/bin/sh", "-c", program],
        volumeMounts: [
          { name: "out", mountPath: "/out" },
          { name: "config", mountPath: "/config" },
        ],
      },
    ],
    volumes: [
      { name: "out", hostPath: { path: folder } },
      { name: "config", configMap: { name: "config" } },
    ],
  };
}
