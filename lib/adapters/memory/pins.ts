import type { PinRecord, PinStore } from '../../ports/pins.ts';
import type { Request } from './request.ts';

export function pinsIn(pins: Map<string, PinRecord>, request: Request): PinStore {
  return {
    read: (upstream) =>
      request(() => {
        const record = pins.get(upstream);
        return record && { ...record };
      }),

    write: (upstream, { version, text }, replaces) => {
      const inPlace = pins.get(upstream)?.version;
      return request(
        () => {
          if (inPlace !== replaces) return inPlace === version;
          pins.set(upstream, { version, text });
          return true;
        },
        // What is to be replaced is read first.
        replaces !== undefined && inPlace === replaces ? 2 : 1,
      );
    },
  };
}
