/** What is asked and told about containers. */

export interface RunRequest {
  readonly image: string;
  readonly command: readonly string[];
  readonly name?: string;
  readonly env: readonly string[];
  readonly user?: string;
  readonly workdir?: string;
  readonly entrypoint?: readonly string[];
  readonly hostname?: string;
  readonly terminal: boolean;
  readonly interactive: boolean;
  readonly readonly: boolean;
  readonly remove: boolean;
  readonly network: "none" | "host";
  readonly volumes: readonly string[];
  readonly platform?: string;
  readonly pull: "missing" | "always" | "never";
  readonly memory?: number;
  readonly cpus?: number;
  readonly pidsLimit?: number;
  readonly privileged: boolean;
  readonly capAdd: readonly string[];
  readonly capDrop: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly userns?: string;
  readonly runtime?: string;
}

export interface ContainerSummary {
  readonly Id: string;
  readonly Names: readonly string[];
  readonly Image: string;
  readonly ImageID: string;
  readonly Command: string;
  readonly Created: number;
  readonly State: string;
  readonly Status: string;
}
