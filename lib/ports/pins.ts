/** The tool definitions of one upstream that the operator trusts. */
export interface PinRecord {
  /** Unguessable; names this state of the record. */
  readonly version: string;
  /** JSON text. */
  readonly text: string;
}

export interface PinStore {
  /** `upstream` is its configured name. A consistent read. */
  read(upstream: string): Promise<PinRecord | undefined>;
  /** Replaces the record of version `replaces`; undefined when there is none. False when somebody else was first. */
  write(upstream: string, record: PinRecord, replaces: string | undefined): Promise<boolean>;
}
