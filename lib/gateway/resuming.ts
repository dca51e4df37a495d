/** The rest of a stream that broke before a legacy client had all of it. */
import type { Delivery } from '../delivery/response.ts';
import { fail, type Result } from '../errors.ts';
import type { LegacyScope } from './errand.ts';
import type { Visit } from './visit.ts';

export async function resumeStream(
  _visit: Visit,
  _scope: LegacyScope,
  _lastEventId: string,
): Promise<Result<Delivery>> {
  return fail({ kind: 'method-not-allowed', allow: 'POST, DELETE' });
}
