/** `linux/arm64/v8`, as the API takes it since version 1.48: an object in JSON. */
export function platformJson(platform: string | undefined): string | undefined {
  if (platform === undefined) return undefined;
  const [os, architecture, variant] = platform.split("/");
  return JSON.stringify({ os, architecture, ...(variant === undefined ? {} : { variant }) });
}
