/** Who a person is to registries: what `login` keeps, and pull and push send along. The program gives the real one; Docker's files are behind it. */
export interface Credential {
  readonly username: string;
  readonly secret: string;
  /** `identity`: the secret is a token of the registry's token server. */
  readonly kind: "password" | "identity";
}

export interface CredentialStore {
  find(registry: string): Promise<Credential | undefined>;
  store(registry: string, credential: Credential): Promise<void>;
  /** Whether there was something to forget. */
  erase(registry: string): Promise<boolean>;
}
