/** Calls about archives. */
import { SampanError } from "../../base/errors.ts";

function refuse(what: string): never {
  throw new SampanError("unimplemented", `cannot ${what}: this build of Sampan has no archives`);
}

export function archiveCalls() {
  return {
    save: async (): Promise<void> => refuse("save images"),
    load: async (): Promise<readonly string[]> => refuse("load images"),
    importArchive: async (): Promise<string> => refuse("import an archive"),
    exportContainer: async (): Promise<void> => refuse("export a container"),
    commit: async (): Promise<string> => refuse("commit a container"),
    diffImages: async (): Promise<never> => refuse("compare images"),
  };
}
