/** What a legacy client is told beside its calls: the stream that its GET opens. */
import type { Delivery } from '../delivery/response.ts';
import { fail, type Result } from '../errors.ts';
import type { LegacyScope } from './errand.ts';
import type { Visit } from './visit.ts';

export async function openListening(_visit: Visit, _scope: LegacyScope): Promise<Result<Delivery>> {
  return fail({ kind: 'method-not-allowed', allow: 'POST, DELETE' });
}
