/** HostConfig.Mounts. */
import type { Mount } from "./create.ts";
import {
  flag,
  integer,
  list,
  natural,
  object,
  oneOf,
  stringMap,
  strings,
  text,
  type Reader,
} from "./_read.ts";

type Part<K extends keyof Mount> = NonNullable<Mount[K]>;
const path = text({ length: 4096 });

export const mounts: Reader<Mount[]> = list(
  object<Mount>(
    {
      Type: oneOf("bind", "volume", "tmpfs", "image"),
      Source: path,
      Target: path,
      ReadOnly: flag,
      Consistency: oneOf("", "default", "consistent", "cached", "delegated"),
      BindOptions: object<Part<"BindOptions">>({
        Propagation: oneOf("", "private", "rprivate", "shared", "rshared", "slave", "rslave"),
        NonRecursive: flag,
        CreateMountpoint: flag,
        ReadOnlyNonRecursive: flag,
        ReadOnlyForceRecursive: flag,
      }),
      VolumeOptions: object<Part<"VolumeOptions">>({
        NoCopy: flag,
        Labels: stringMap,
        DriverConfig: object<{ Name?: string; Options?: Record<string, string> | null }>({
          Name: text({ length: 255 }),
          Options: stringMap,
        }),
        Subpath: path,
      }),
      TmpfsOptions: object<Part<"TmpfsOptions">>({
        SizeBytes: natural,
        Mode: integer(0, 0o7777),
        Options: list(strings, 100),
      }),
      ImageOptions: object<Part<"ImageOptions">>({ Subpath: path }),
    },
    ["Type", "Target"],
  ),
  1000,
);
