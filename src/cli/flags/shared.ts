/** Flags that several commands have. */

export const platformFlag = {
  kind: "text",
  value: "OS/ARCH[/VARIANT]",
  help: "Of several platforms this one, as linux/arm64",
} as const;

/** For options objects under exactOptionalPropertyTypes: a flag that was not given leaves its key out. */
export function given<K extends string, V>(key: K, value: V | undefined): { [Key in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { [Key in K]: V });
}
