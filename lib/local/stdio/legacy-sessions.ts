/** The legacy era of a stdio upstream: each session has a child of its own, from `initialize` to its end. */
import type { ServerResponse } from 'node:http';
import { cryptoIds } from '../../adapters/node/ids.ts';
import type { RequestMessage } from '../../protocol/message.ts';
import { HttpAnswer, isOpen, sendJson } from './answer.ts';
import type { StdioChild } from './child.ts';
import type { Children, Started } from './children.ts';
import { Conversation } from './conversation.ts';
import { refuseUnknownSession, refuseWithout } from './refusal.ts';

export interface LegacySessionsOptions {
  readonly children: Children;
  readonly idleMs: number;
  /** Whether several callers may be in one session. */
  readonly isShared: boolean;
  /** A child that has no session yet. */
  readonly startChild: () => Promise<Started>;
  /** `initialize` came to nothing: it failed, or its client went. */
  readonly onFailed: () => void;
}

export class LegacySessions {
  readonly #options: LegacySessionsOptions;
  readonly #sessions = new Map<string, Conversation>();

  constructor(options: LegacySessionsOptions) {
    this.#options = options;
  }

  /** Passes `initialize` to a child. The session exists once that has agreed. */
  async open(request: RequestMessage, response: ServerResponse): Promise<void> {
    const started = await this.#options.startChild();
    if (started.kind !== 'started') return refuseWithout(started, response, request.idText);
    const { child } = started;
    if (!isOpen(response)) return this.#options.children.end(child);
    const id = cryptoIds.random();
    const session = this.#converse(id, child);
    let isSettled = false;
    const fail = () => {
      if (isSettled) return;
      isSettled = true;
      this.#options.onFailed();
      this.#options.children.end(child);
    };
    const answer = new HttpAnswer(response);
    const opening = {
      // Before the session there is nobody who could answer a question.
      interim: () => false,
      final: (text: string, isResult: boolean) => {
        if (!isResult || !isOpen(response)) {
          fail();
          return answer.final(text);
        }
        isSettled = true;
        this.#sessions.set(id, session);
        sendJson(response, 200, text, { 'mcp-session-id': id });
      },
      cut: () => {
        fail();
        answer.cut();
      },
    };
    session.request(request, opening, response);
    response.once('close', fail);
  }

  /** Passes on what is said in a session; `request` when that is one. */
  post(id: string, text: string, request: RequestMessage | undefined, response: ServerResponse): void {
    const session = this.#sessions.get(id);
    // What is ending has not been told, so that it may be said again in another session.
    if (session?.child.isRunning !== true) return refuseUnknownSession(response, request?.idText);
    if (request === undefined) session.tell(text, response);
    else session.request(request, new HttpAnswer(response), response);
  }

  /** Opens the stream beside the calls of a session. */
  listen(id: string, response: ServerResponse): void {
    const session = this.#sessions.get(id);
    if (session?.child.isRunning !== true) return refuseUnknownSession(response, undefined);
    session.listen(response);
  }

  /** The child of the session may take a while to end. */
  delete(id: string | undefined, response: ServerResponse): void {
    const session = id === undefined ? undefined : this.#sessions.get(id);
    if (id === undefined || session === undefined) return refuseUnknownSession(response, undefined);
    this.#sessions.delete(id);
    this.#options.children.end(session.child);
    response.writeHead(204).end();
  }

  #converse(id: string, child: StdioChild): Conversation {
    const { children, idleMs, isShared } = this.#options;
    return new Conversation(child, {
      era: 'legacy',
      isShared,
      idleMs,
      onIdle: () => {
        this.#sessions.delete(id);
        children.end(child);
      },
      onGone: () => this.#sessions.delete(id),
    });
  }
}
