/** A legacy server in memory that issues sessions and knows which are alive; what a call does is the test's to say. */
import type { Answer } from '../support/memory-transport.ts';
import { errorOf, jsonAnswer, resultOf, type Answerer, type SentMessage } from './kit.ts';

export interface LegacyServer {
  readonly answer: Answerer;
  /** The sessions that are alive, in the order in which they were opened: `s1`, `s2` and so on. */
  readonly sessions: Set<string>;
  /** What the server does with a call; an empty result unless set. */
  onCall: (message: SentMessage, session: string | undefined) => Answer | Promise<Answer>;
  /** What it answers to `initialize`. */
  onInitialize: (message: SentMessage, session: string) => Answer | Promise<Answer>;
  /** What it answers to what needs no answer. */
  onNotification: (message: SentMessage) => Answer | Promise<Answer>;
}

export function createLegacyServer(protocolVersion = '2025-11-25', issuesSessions = true): LegacyServer {
  const sessions = new Set<string>();
  let opened = 0;
  const server: LegacyServer = {
    sessions,
    onCall: ({ id }) => jsonAnswer(resultOf(id)),
    onInitialize: ({ id }, session) => {
      const result = resultOf(id, {
        protocolVersion,
        capabilities: { tools: {} },
        serverInfo: { name: 's', version: '1' },
      });
      return jsonAnswer(result, issuesSessions ? { 'mcp-session-id': session } : {});
    },
    onNotification: () => ({ status: 202 }),
    answer(request, message) {
      const session = request.headers['mcp-session-id'];
      if (request.method === 'DELETE') return { status: session !== undefined && sessions.delete(session) ? 204 : 404 };
      if (message.method === 'initialize') {
        opened += 1;
        if (issuesSessions) sessions.add(`s${opened}`);
        return server.onInitialize(message, `s${opened}`);
      }
      if (issuesSessions && (session === undefined || !sessions.has(session))) {
        return jsonAnswer(errorOf(null, -32001, 'Session not found'), {}, 404);
      }
      const isCall = message.id !== undefined && message.method !== undefined && message.method !== 'logging/setLevel';
      if (isCall) return server.onCall(message, session);
      return message.id !== undefined && message.method !== undefined
        ? jsonAnswer(resultOf(message.id, {}))
        : server.onNotification(message);
    },
  };
  return server;
}
