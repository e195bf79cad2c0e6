/** GET /containers/{id}/stats of Docker's Engine API: counters of now and of the sample before. All fields may be missing: a container that is stopped has none. */
export interface StatsSample {
  readonly read?: string;
  readonly name?: string;
  readonly id?: string;
  readonly num_procs?: number;
  readonly pids_stats?: { readonly current?: number; readonly limit?: number };
  readonly cpu_stats?: CpuStats;
  readonly precpu_stats?: CpuStats;
  readonly memory_stats?: {
    readonly usage?: number;
    readonly max_usage?: number;
    readonly limit?: number;
    readonly stats?: Readonly<Record<string, number>>;
  };
  readonly blkio_stats?: { readonly io_service_bytes_recursive?: readonly BlockEntry[] | null };
  readonly networks?: Readonly<Record<string, { readonly rx_bytes: number; readonly tx_bytes: number }>>;
}

export interface CpuStats {
  readonly cpu_usage?: { readonly total_usage?: number; readonly percpu_usage?: readonly number[] | null };
  readonly system_cpu_usage?: number;
  readonly online_cpus?: number;
}

export interface BlockEntry {
  readonly major: number;
  readonly minor: number;
  /** `read`, `write`, in older versions capitalized. */
  readonly op: string;
  readonly value: number;
}
