/** A client's wish to cancel a call that some environment is holding. */
export interface Cancellation {
  readonly reason: string | undefined;
  /** When the client's notification arrived, milliseconds since the epoch. */
  readonly leftAt: number;
}

/** Where an environment leaves word for the environment that holds a call. */
export interface MailboxStore {
  /** `request` identifies the call within the client session (a digest of the client's request id). */
  leaveCancellation(
    clientSession: string,
    request: string,
    cancellation: Cancellation,
    expiresAt: number,
  ): Promise<void>;
  /** Reads without removing; a consistent read. */
  peekCancellation(clientSession: string, request: string): Promise<Cancellation | undefined>;
  /** Removes it, once it has been acted upon. */
  clearCancellation(clientSession: string, request: string): Promise<void>;
}
