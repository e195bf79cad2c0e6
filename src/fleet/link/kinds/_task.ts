/** What the messages about upgrades and images have in common. */
import { line } from "../codec.ts";

export const release = line({ most: 64, like: /^[A-Za-z0-9][\w.+-]*$/, wanted: "a version" });
export const image = line({ most: 512, like: /^[A-Za-z0-9][\w.\-/:@]*$/, wanted: "an image" });
export const tool = line({ most: 64, like: /^[\w.-]*$/, wanted: "a tool" });
export const nodeName = line({ most: 253, like: /^[a-z0-9.-]*$/, wanted: "a node's name" });
export const secretName = line({ most: 512, like: /^[\w./-]*$/, wanted: "the name of a secret" });
