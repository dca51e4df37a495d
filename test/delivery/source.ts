/** Replies that come when a test lets them. */
import type { Reply } from '../../lib/protocol/call.ts';

export interface Source {
  readonly replies: AsyncGenerator<Reply, void>;
  push(reply: Reply): void;
  /** Lets the replies end after what has been pushed. */
  end(): void;
  fail(error: Error): void;
  /** How many times the source has been closed, or has ended. */
  readonly closed: number;
}

export function createSource(): Source {
  const waiting: Reply[] = [];
  let news = Promise.withResolvers<void>();
  let ended = false;
  let failure: Error | undefined;
  let closed = 0;

  async function* read(): AsyncGenerator<Reply, void> {
    try {
      for (;;) {
        const reply = waiting.shift();
        if (reply !== undefined) {
          yield reply;
          continue;
        }
        if (failure !== undefined) throw failure;
        if (ended) return;
        await news.promise;
        news = Promise.withResolvers();
      }
    } finally {
      closed += 1;
    }
  }

  return {
    replies: read(),
    push(reply) {
      waiting.push(reply);
      news.resolve();
    },
    end() {
      ended = true;
      news.resolve();
    },
    fail(error) {
      failure = error;
      news.resolve();
    },
    get closed() {
      return closed;
    },
  };
}

export function interim(name: string): Extract<Reply, { kind: 'interim' }> {
  return { kind: 'interim', text: JSON.stringify({ interim: name }) };
}

export function final(name: string, status = 200): Reply {
  return { kind: 'final', text: JSON.stringify({ final: name }), status };
}
