import type { TransportFailure, UpstreamHttpRequest, UpstreamTransport } from '../../ports/transport.ts';
import type { PlainHttpRequest, PlainHttpTransport } from '../node/http-exchange.ts';
import type { Secrets } from './secrets.ts';

const UNAVAILABLE: TransportFailure = { kind: 'failure', cause: 'secret-unavailable', sent: false };

/**
 * Puts secrets into requests to upstreams, at the last moment: nothing before this ever has them. `open` is called by
 * the first request that needs one, and again only if it fails.
 */
export function withSecrets(transport: PlainHttpTransport, open: () => Promise<Secrets>): UpstreamTransport {
  let opening: Promise<Secrets> | undefined;
  const opened = (): Promise<Secrets> => {
    opening ??= open().catch((cause: unknown) => {
      opening = undefined;
      throw cause;
    });
    return opening;
  };
  return {
    async send(request) {
      if (isPlain(request)) return await transport.send(request);
      const secrets = await opened();
      const headers = await secrets.fillIn(request.headers, request.signal);
      if (request.signal.aborted) return { kind: 'failure', cause: 'aborted', sent: false };
      if (headers === undefined) return UNAVAILABLE;
      const response = await transport.send({ ...request, headers });
      if (response.kind === 'response' && response.status === 401) secrets.doubt(request.headers);
      return response;
    },
  };
}

export function isPlain(request: UpstreamHttpRequest): request is PlainHttpRequest {
  return Object.values(request.headers).every((value) => typeof value === 'string');
}
