import { createHttpTransport } from '../../lib/adapters/node/http-transport.ts';
import { withSecrets } from '../../lib/adapters/secrets/transport.ts';
import type { UpstreamTransport } from '../../lib/ports/transport.ts';

/** HTTP to upstreams that are sent no secrets. */
export function secretlessTransport(): UpstreamTransport {
  return withSecrets(createHttpTransport(), () => Promise.reject(new Error('Nothing here has secrets')));
}
