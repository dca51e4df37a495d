/**
 * A client that wants a call executed once, and goes on with the same key until it knows how it ended: after everything
 * that says nothing, after what was not executed, and once more after an unknown outcome.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { RUN_HEADER } from '../fault-points.ts';
import { attempt, type Attempt, type Outcome, type Place } from './attempt.ts';
import type { CallPlan } from './plan.ts';
import type { Steered } from './steering.ts';
import type { DarkPlace, World } from './world.ts';

/** A client gives up after so many attempts. */
const MOST_ATTEMPTS = 30;

/** An unknown outcome that is said twice is believed. */
const UNKNOWN_IS_BELIEVED = 2;

const LONGEST_PAUSE_MS = 1000;

/** Clients wait for an answer, as real ones do, and not for an environment that stands still. */
const PATIENCE_MS = 30_000;

/** Everything that a client has seen of one call. */
export interface CallRecord {
  readonly plan: CallPlan;
  readonly attempts: readonly Attempt[];
  /** What each of those who sent it was left with: one, or two where it was sent twice. */
  readonly ends: readonly (Outcome | { readonly kind: 'gave-up' })[];
  /** Whether anything happened to it. */
  readonly met: boolean;
}

export async function runCall(world: World, plan: CallPlan): Promise<CallRecord> {
  const dark = plan.first === 'refuse' ? await world.borrowDark() : undefined;
  const steered =
    plan.first === 'stall' || plan.first === 'kill' ? world.steering.begin(plan.id, plan.killAt ?? 'stall') : undefined;
  world.expect(plan, steered);
  const client = new Client(world, plan, dark, steered);
  try {
    const ends = await Promise.all([client.pursue('call'), ...(plan.twice ? [client.pursue('twin')] : [])]);
    await steered?.letGo();
    if (plan.again && ends.some(({ kind }) => kind === 'answer' || kind === 'unknown')) await client.askAgain();
    if (steered?.fired === true) world.note(plan.first === 'stall' ? 'stall' : 'kill', plan.id);
    return { plan, attempts: client.attempts, ends, met: world.hasMet(plan.id) };
  } finally {
    await steered?.finish();
    await client.settle();
    if (dark !== undefined) world.returnDark(dark);
  }
}

class Client {
  readonly attempts: Attempt[] = [];
  readonly #world: World;
  readonly #plan: CallPlan;
  readonly #dark: DarkPlace | undefined;
  readonly #steered: Steered | undefined;
  readonly #sent: Promise<unknown>[] = [];

  constructor(world: World, plan: CallPlan, dark: DarkPlace | undefined, steered: Steered | undefined) {
    this.#world = world;
    this.#plan = plan;
    this.#dark = dark;
    this.#steered = steered;
  }

  async pursue(purpose: Attempt['purpose']): Promise<Outcome | { readonly kind: 'gave-up' }> {
    let unknown = 0;
    for (let tries = 1; tries <= MOST_ATTEMPTS; tries += 1) {
      const outcome = await this.#try(purpose, tries === 1 && purpose === 'call');
      if (outcome.kind === 'answer' || outcome.kind === 'other') return outcome;
      if (outcome.kind === 'unknown') unknown += 1;
      if (outcome.kind === 'unknown' && unknown === UNKNOWN_IS_BELIEVED) return outcome;
      const asked = 'waitMs' in outcome ? outcome.waitMs : 0;
      await sleep(Math.min(LONGEST_PAUSE_MS, Math.max(asked, 20 * tries)) * (1 + this.#plan.die / 2));
    }
    return { kind: 'gave-up' };
  }

  /** Until it hears anything of the call. */
  async askAgain(): Promise<void> {
    for (let tries = 1; tries <= MOST_ATTEMPTS; tries += 1) {
      const { kind } = await this.#try('again', false);
      if (kind !== 'broken' && kind !== 'running' && kind !== 'not-run') return;
      await sleep(50 * tries);
    }
  }

  /** Resolves when every request has been answered, or its connection has ended. */
  async settle(): Promise<void> {
    await Promise.all(this.#sent);
  }

  async #try(purpose: Attempt['purpose'], first: boolean): Promise<Outcome> {
    const steered = first && this.#steered !== undefined;
    const made =
      first && this.#dark !== undefined
        ? await this.#tryInTheDark(this.#dark, purpose)
        : await attempt(
            this.#plan,
            purpose,
            this.#place(steered ? { [RUN_HEADER]: this.#plan.id } : {}, this.#patienceFor(steered)),
          );
    this.attempts.push(made);
    return made.outcome;
  }

  async #tryInTheDark({ upstream }: DarkPlace, purpose: Attempt['purpose']): Promise<Attempt> {
    await upstream.stop();
    const made = await attempt(this.#plan, purpose, this.#place());
    await upstream.start();
    if (made.outcome.kind === 'not-run') this.#world.note('refuse', this.#plan.id);
    return made;
  }

  #patienceFor(steered: boolean): number {
    return steered && this.#plan.first === 'stall' ? this.#world.shortPatienceMs : PATIENCE_MS;
  }

  #place(mark: Place['mark'] = {}, patienceMs = PATIENCE_MS): Place {
    const { session, era, old } = this.#plan;
    const server = this.#dark?.server ?? (old ? 'old' : 'both');
    return {
      url: this.#world.url(server),
      session: this.#world.sessionAt(server, era, session),
      mark: { ...this.#world.mark, ...mark },
      patienceMs,
      onSent: (answered) => this.#sent.push(answered),
    };
  }
}
