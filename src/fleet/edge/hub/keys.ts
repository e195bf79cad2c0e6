/** What a node shows to the cloud, and what it knows the cloud by. PEM each. */
export interface KeyPair {
  /** KubeEdge's authority, which signed both sides. */
  readonly authority: string;
  readonly certificate: string;
  readonly key: string;
}

export interface NodeKeys {
  /** Asked for at each dialling, so that a renewed certificate counts from the next connection on. Errors: `not_found`, when the node has not joined. */
  current(): KeyPair;
}
