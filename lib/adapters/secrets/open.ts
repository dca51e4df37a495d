import type { ActionLog } from '../../ports/action-log.ts';
import { systemClock } from '../node/clock.ts';
import { createAwsSecrets } from './aws.ts';
import type { GivenSecrets } from './given.ts';
import { Secrets } from './secrets.ts';

/** Secrets as requests to upstreams need them: those that were given, and all others from their stores. */
export function openSecrets(given: GivenSecrets, actionLog: ActionLog): Secrets {
  return new Secrets({
    given,
    read: createAwsSecrets(),
    clock: systemClock,
    report: (secret, reason) => actionLog.notice(null, { kind: 'secret-unavailable', secret, reason }),
  });
}
