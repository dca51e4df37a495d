/**
 * One stdio upstream as a Streamable HTTP server. Nothing is started again by itself: a command that does not work fails
 * each request that needs it, and is not run more often than that.
 */
import type { ServerResponse } from 'node:http';
import type { StdioConfig, UpstreamConfig } from '../../config/schema.ts';
import { JSON_RPC, parseJson, readMessage } from '../../protocol/message.ts';
import { hasEnvelope } from '../../protocol/modern/envelope.ts';
import { Children, type ChildrenOptions } from './children.ts';
import { LegacySessions } from './legacy-sessions.ts';
import { ModernChild } from './modern-child.ts';
import { refuse } from './refusal.ts';

export class HostedUpstream {
  readonly #children: Children;
  readonly #modern: ModernChild;
  readonly #sessions: LegacySessions;

  constructor({ era, isolation }: UpstreamConfig, { idleMs }: StdioConfig, options: ChildrenOptions) {
    const children = new Children(options);
    const modern = new ModernChild({ children, era, idleMs, times: options.times });
    this.#children = children;
    this.#modern = modern;
    this.#sessions = new LegacySessions({
      children,
      idleMs,
      isShared: isolation === 'shared',
      startChild: () => modern.startLegacy(),
      onFailed: () => modern.forgetEra(),
    });
  }

  /** Of all processes that have not ended yet. */
  get pids(): number[] {
    return this.#children.pids;
  }

  /** Serves the body of a POST. */
  async post(text: string, sessionId: string | undefined, response: ServerResponse): Promise<void> {
    const value = parseJson(text);
    if (value === undefined) {
      return refuse(response, 400, undefined, JSON_RPC.parseError, 'The body is not valid JSON');
    }
    const message = readMessage(value, text);
    if (message === undefined) {
      return refuse(response, 400, undefined, JSON_RPC.invalidRequest, 'The body is not one JSON-RPC message');
    }
    const request = message.kind === 'request' ? message : undefined;
    if (sessionId !== undefined) return this.#sessions.post(sessionId, text, request, response);
    if (request !== undefined && hasEnvelope(request.params)) return await this.#modern.request(request, response);
    if (request?.method === 'initialize') return await this.#sessions.open(request, response);
    const reason = 'Mcp-Session-Id is required; begin with initialize';
    refuse(response, 400, request?.idText, JSON_RPC.invalidRequest, reason);
  }

  /** Serves a GET in a session. */
  listen(sessionId: string, response: ServerResponse): void {
    this.#sessions.listen(sessionId, response);
  }

  /** Serves a DELETE. */
  delete(sessionId: string | undefined, response: ServerResponse): void {
    this.#sessions.delete(sessionId, response);
  }

  /** Ends all children. Settles when they have ended. */
  async close(): Promise<void> {
    await this.#children.close();
  }

  /** Ends all children at once, without waiting. */
  kill(): void {
    this.#children.kill();
  }
}
