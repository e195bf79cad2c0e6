import type { OciHook, OciHooks } from "./config.ts";
import type { ListShape, ShapeOf } from "./_shape.ts";
import { environment } from "./_process.ts";
import { absolutePath, textList } from "./_shape.ts";

const hook: ShapeOf<OciHook> = {
  is: "object",
  fields: {
    path: absolutePath,
    args: textList,
    env: environment,
    timeout: { is: "integer", from: 1, to: 2_147_483_647 },
  },
  needs: ["path"],
};
const hookList: ListShape = { is: "list", of: hook };

/** config.md, "POSIX-platform Hooks". */
export const hooksShape: ShapeOf<OciHooks> = {
  is: "object",
  fields: {
    prestart: hookList,
    createRuntime: hookList,
    createContainer: hookList,
    startContainer: hookList,
    poststart: hookList,
    poststop: hookList,
  },
  needs: [],
};
