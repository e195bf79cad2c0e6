/** The launcher's binary as a file: package.json's imports pick the architecture, `with { type: "file" }` gives its path. */
declare module "#launcher" {
  const path: string;
  export default path;
}
