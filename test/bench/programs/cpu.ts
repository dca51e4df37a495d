/** A type and not an interface, because it is sent as plain counts. */
export type CpuCounts = {
  /** What this process has used since it started, in milliseconds of a processor, all of its threads together. */
  readonly cpuMs: number;
};

export const cpuCounts: CpuCounts = {
  get cpuMs() {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  },
};
