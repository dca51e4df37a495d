/** What may be told of an exception that nobody expected. */
export interface DefectLine {
  readonly time: string;
  readonly requestId: string;
  /** What kind of exception. */
  readonly defect: string;
  /** What the system or the SDK calls it, such as ECONNREFUSED. */
  readonly code: string | null;
  /** Where in the code, innermost call first. */
  readonly frames: readonly string[];
  /** The same of the exception behind it. */
  readonly cause: Omit<DefectLine, 'time' | 'requestId'> | null;
}

/** Causes are followed this far; nothing says that they end. */
const DEEPEST_CAUSE = 4;

/**
 * An exception without its message: that of a JSON parser, among others, quotes what it was given, and no argument,
 * result or token may get into a log.
 */
export function describeDefect(requestId: string, error: unknown): DefectLine {
  return { time: new Date().toISOString(), requestId, ...describeError(error, 0) };
}

function describeError(error: unknown, depth: number): Omit<DefectLine, 'time' | 'requestId'> {
  if (!(error instanceof Error)) return { defect: typeof error, code: null, frames: [], cause: null };
  const code: unknown = Reflect.get(error, 'code');
  return {
    defect: error.name,
    code: typeof code === 'string' ? code : null,
    frames: framesOf(error),
    cause: error.cause === undefined || depth === DEEPEST_CAUSE ? null : describeError(error.cause, depth + 1),
  };
}

function framesOf(error: Error): string[] {
  const frames = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
  return frames.map((line) => line.trim());
}

/** As one line for people. */
export function formatDefect({ time, requestId, ...error }: DefectLine, colour: boolean): string {
  const chain = [error, error.cause].flatMap((item) =>
    item === null ? [] : [[item.defect, item.code, item.frames[0]].filter((part) => part != null).join(' ')],
  );
  const label = colour ? '\u001B[31mdefect\u001B[0m' : 'defect';
  return `${time.slice(11, 23)}  ${label.padEnd(colour ? 23 : 14)}  ${chain.join(', because of ')}  (request ${requestId})`;
}
