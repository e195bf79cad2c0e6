/** What one of ours says to another of ours beyond KubeEdge. Each says so in the handshake, by a header that KubeEdge's programs do not look at; nothing of it is used with a peer that has not. */

/** `renew`: a lease is renewed by its new time alone, and an answer comes only when that failed; whatever an edge sends is its keepalive. */
export const linkFeatures = { header: "x-sampan-link", value: "renew" } as const;
