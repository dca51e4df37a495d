/**
 * The modern era of a stdio upstream. It keeps nothing between requests, so that one child serves all of them; it is
 * started when there is none, and asked for its era first.
 */
import type { ServerResponse } from 'node:http';
import type { UpstreamConfig } from '../../config/schema.ts';
import type { RequestMessage } from '../../protocol/message.ts';
import { HttpAnswer, isOpen } from './answer.ts';
import type { StdioChild } from './child.ts';
import type { Children, NoChild, Started } from './children.ts';
import { Conversation } from './conversation.ts';
import { IdleTimer } from './idle-timer.ts';
import { probeEra } from './probe.ts';
import { refuseModern, refuseWithout } from './refusal.ts';
import type { StdioTimes } from './times.ts';

export interface ModernChildOptions {
  readonly children: Children;
  readonly era: UpstreamConfig['era'];
  readonly idleMs: number;
  readonly times: StdioTimes;
}

type Outcome =
  | { readonly kind: 'conversation'; readonly conversation: Conversation }
  | { readonly kind: 'legacy-only' }
  | NoChild;

/** For so long an upstream that was found to be a legacy one is not asked again. */
const REMEMBER_LEGACY_MS = 10 * 60_000;

export class ModernChild {
  readonly #options: ModernChildOptions;
  /** The child, or how it is being had. */
  #outcome: Promise<Outcome> | undefined;
  #conversation: Conversation | undefined;
  /** One that was asked for its era only, and has shown to be a legacy server. */
  #spare: { readonly child: StdioChild; readonly idle: IdleTimer } | undefined;
  #legacyUntil = 0;

  constructor(options: ModernChildOptions) {
    this.#options = options;
  }

  async request(request: RequestMessage, response: ServerResponse): Promise<void> {
    const outcome = await this.#obtain();
    if (outcome.kind === 'legacy-only') return refuseModern(response, request.idText);
    if (outcome.kind !== 'conversation') return refuseWithout(outcome, response, request.idText);
    if (isOpen(response)) outcome.conversation.request(request, new HttpAnswer(response), response);
  }

  /** A child for a legacy session: the spare one, or a new one. */
  async startLegacy(): Promise<Started> {
    const child = this.#takeSpare();
    return child?.isRunning === true ? { kind: 'started', child } : await this.#start();
  }

  /** What was learned of the era may no longer be so. */
  forgetEra(): void {
    this.#legacyUntil = 0;
  }

  async #obtain(): Promise<Outcome> {
    if (this.#options.era === 'legacy' || Date.now() < this.#legacyUntil) return { kind: 'legacy-only' };
    if (this.#conversation?.child.isRunning === false) this.#forget(this.#conversation);
    if (this.#outcome !== undefined) return await this.#outcome;
    const obtaining = this.#open();
    this.#outcome = obtaining;
    const outcome = await obtaining;
    if (outcome.kind !== 'conversation' && this.#outcome === obtaining) this.#outcome = undefined;
    return outcome;
  }

  /** Goes on although nobody may wait for it any more, so that a server slow to start is there for the next request. */
  async #open(): Promise<Outcome> {
    const started = await this.#start();
    if (started.kind !== 'started') return started;
    const { child } = started;
    if (this.#options.era === 'modern') return this.#converse(child);
    const { era, isUsable } = await probeEra(child, this.#options.times);
    if (era === 'legacy') {
      this.#legacyUntil = Date.now() + REMEMBER_LEGACY_MS;
      if (isUsable) this.#keepSpare(child);
      else this.#options.children.end(child);
      return { kind: 'legacy-only' };
    }
    if (isUsable) return this.#converse(child);
    this.#options.children.end(child);
    const again = await this.#start();
    return again.kind === 'started' ? this.#converse(again.child) : again;
  }

  #converse(child: StdioChild): Outcome {
    const conversation = new Conversation(child, {
      era: 'modern',
      isShared: true,
      idleMs: this.#options.idleMs,
      onIdle: () => this.#end(conversation),
      onGone: () => this.#forget(conversation),
    });
    this.#conversation = conversation;
    return { kind: 'conversation', conversation };
  }

  #end(conversation: Conversation): void {
    this.#forget(conversation);
    this.#options.children.end(conversation.child);
  }

  #forget(conversation: Conversation): void {
    if (this.#conversation !== conversation) return;
    this.#conversation = undefined;
    this.#outcome = undefined;
  }

  #start(): Promise<Started> {
    return this.#options.children.start(() => {
      const spare = this.#takeSpare();
      if (spare !== undefined) this.#options.children.end(spare);
      else if (this.#conversation?.isQuiet === true) this.#end(this.#conversation);
    });
  }

  #keepSpare(child: StdioChild): void {
    const before = this.#takeSpare();
    if (before !== undefined) this.#options.children.end(before);
    const idle = new IdleTimer(this.#options.idleMs, () => {
      if (this.#takeSpare() === child) this.#options.children.end(child);
    });
    this.#spare = { child, idle };
    child.listener = { message() {}, gone: () => this.#takeSpare() };
    idle.start();
  }

  #takeSpare(): StdioChild | undefined {
    const spare = this.#spare;
    this.#spare = undefined;
    spare?.idle.stop();
    return spare?.child;
  }
}
