/** The engine's settings: /etc/sampan/config.toml or the file that SAMPAN_CONFIG names; read by readEngineSettings (settings-file.ts). */

export interface EngineSettings {
  /** Data root: [engine] root, SAMPAN_ROOT or --root; /var/lib/sampan. */
  readonly root: string;
  /** [engine] state; /run/sampan. */
  readonly state: string;
  /** [engine] snapshotter; "auto" takes overlayfs where the root's file system can carry it, else copy. */
  readonly snapshotter: "auto" | "overlayfs" | "copy";
  /** [engine] budget, bytes of the data root; 0 is none. Pull, load and commit refuse to go over it after a collection. */
  readonly budget: number;
  /** [images] max_layer_size: bytes of one layer, decompressed. */
  readonly maxLayerSize: number;
  /** [images] max_layer_entries. */
  readonly maxLayerEntries: number;
  /** [images] parallel_downloads of one pull. */
  readonly parallelDownloads: number;
  /** [registries."host:port"]. */
  readonly registries: Readonly<Record<string, RegistrySettings>>;
}

export interface RegistrySettings {
  /** Base addresses that are asked first, in order: `https://mirror.example:5000`. The registry itself is asked last. */
  readonly mirrors: readonly string[];
  /** Plain HTTP; loopback addresses are always tried so after HTTPS. */
  readonly http: boolean;
  /** A PEM file of further authorities; /etc/docker/certs.d/<host>/*.crt is read too. */
  readonly ca: string | undefined;
  readonly clientCertificate: string | undefined;
  readonly clientKey: string | undefined;
  readonly skipVerify: boolean;
}
