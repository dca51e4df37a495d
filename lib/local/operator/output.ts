/** Where a command writes, a line or more at a time, without the last line break. */
export interface Output {
  /** What was asked for. */
  print(text: string): void;
  /** What went wrong, and what to know besides. */
  complain(text: string): void;
}
