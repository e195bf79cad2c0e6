/** What a container is asked for when nothing special is. */
import type { ContainerRequest } from "../../src/engine/containers/request.ts";

export const plainRequest: ContainerRequest = {
  image: "busybox",
  command: [],
  env: [],
  terminal: false,
  interactive: false,
  readonly: false,
  remove: false,
  network: "none",
  volumes: [],
  privileged: false,
  capAdd: [],
  capDrop: [],
  labels: {},
};
