import type { ServerResponse } from 'node:http';
import type { Era } from '../../protocol/era.ts';
import { JSON_RPC, type RequestMessage } from '../../protocol/message.ts';
import { HttpAnswer } from './answer.ts';
import { Channel, type Answerer } from './channel.ts';
import type { StdioChild } from './child.ts';
import { IdleTimer } from './idle-timer.ts';
import { refuse, refuseBusy } from './refusal.ts';

export interface ConversationOptions {
  readonly era: Era;
  /** Whether clients who must not hear of each other may have requests under way at the same time. */
  readonly isShared: boolean;
  readonly idleMs: number;
  /** Nothing has been under way for `idleMs`. */
  readonly onIdle: () => void;
  /** The child has ended. */
  readonly onGone: () => void;
}

const NOT_READING = 'This server does not read what it is sent';

/** What is said with one child, by those who share it. */
export class Conversation {
  readonly child: StdioChild;
  readonly #channel: Channel;

  constructor(child: StdioChild, { era, isShared, idleMs, onIdle, onGone }: ConversationOptions) {
    this.child = child;
    const idle = new IdleTimer(idleMs, onIdle);
    this.#channel = new Channel(child, {
      era,
      isShared,
      onBusy: () => idle.stop(),
      onQuiet: () => idle.start(),
      onGone: () => {
        idle.stop();
        onGone();
      },
    });
    idle.start();
  }

  get isQuiet(): boolean {
    return this.#channel.isQuiet;
  }

  /** Sends a request for which `answerer` answers on `response`; says so there when it cannot be sent. */
  request(message: RequestMessage, answerer: Answerer, response: ServerResponse): void {
    switch (this.#channel.send(message, answerer)) {
      case 'sent':
        response.once('close', () => this.#channel.giveUp(message, answerer));
        return;
      case 'taken':
        return refuse(response, 400, message.idText, JSON_RPC.invalidRequest, 'A request of this id is in progress');
      case 'refused':
        return refuseBusy(response, message.idText, NOT_READING);
    }
  }

  /** Passes on what changes, for as long as the response is open. */
  listen(response: ServerResponse): void {
    const answer = new HttpAnswer(response);
    answer.begin();
    const stop = this.#channel.listen({ hear: (text) => void answer.interim(text), cut: () => answer.cut() });
    response.once('close', stop);
  }

  /** Sends what needs no answer. */
  tell(text: string, response: ServerResponse): void {
    if (this.#channel.tell(text)) response.writeHead(202).end();
    else refuseBusy(response, undefined, NOT_READING);
  }
}
