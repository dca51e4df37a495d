const LINE_FEED = 0x0a;

export interface LineHandlers {
  /** A line without its end. */
  readonly onLine: (line: Buffer) => void;
  /** A line is longer than the limit; `start` is its beginning. The rest of it is passed over. */
  readonly onOverflow: (start: Buffer) => void;
}

export interface LineReader {
  /** Reads a piece of the stream; pieces may end anywhere. */
  feed(chunk: Buffer): void;
  /** What has come since the last line's end, if anything. */
  rest(): Buffer;
}

/** Bytes in, lines out. Holds back no more than `maxBytes` and a piece of the stream. */
export function createLineReader(maxBytes: number, handlers: LineHandlers): LineReader {
  let held: Buffer[] = [];
  let heldBytes = 0;
  let passing = false;

  const take = (): Buffer => {
    const line = held.length === 1 ? held[0]! : Buffer.concat(held, heldBytes);
    held = [];
    heldBytes = 0;
    return line;
  };

  const hold = (piece: Buffer): void => {
    if (passing || piece.length === 0) return;
    held.push(piece);
    heldBytes += piece.length;
    if (heldBytes <= maxBytes) return;
    passing = true;
    handlers.onOverflow(take().subarray(0, maxBytes));
  };

  return {
    feed(chunk) {
      let start = 0;
      for (let end = chunk.indexOf(LINE_FEED); end !== -1; end = chunk.indexOf(LINE_FEED, start)) {
        hold(chunk.subarray(start, end));
        if (passing) passing = false;
        else handlers.onLine(take());
        start = end + 1;
      }
      hold(chunk.subarray(start));
    },
    rest: take,
  };
}
