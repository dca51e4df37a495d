/** A client of either era that calls tools, and sees what comes back as it came. */
import type { Era } from '../../lib/protocol/era.ts';
import {
  modernRequest,
  openLegacySession,
  post,
  postStream,
  type Headers,
  type WireResponse,
  type WireStream,
} from '../support/wire.ts';

export interface Peer {
  call(tool: string, args?: object): Promise<WireResponse>;
  /** The same, read while it comes. Progress is asked for. */
  stream(tool: string, args?: object): Promise<WireStream>;
}

interface Prepared {
  readonly body: unknown;
  readonly headers: Headers;
}

/** A legacy one opens a session, and stays in it. */
export async function openPeer(url: string, era: Era): Promise<Peer> {
  const prepare = era === 'modern' ? prepareModern : await openSession(url);
  let lastId = 0;
  const request = (tool: string, args: object): Prepared => prepare(tool, args, (lastId += 1));
  return {
    call: (tool, args = {}) => {
      const { body, headers } = request(tool, args);
      return post(url, body, headers);
    },
    stream: (tool, args = {}) => {
      const { body, headers } = request(tool, args);
      return postStream(url, body, headers);
    },
  };
}

type Prepare = (tool: string, args: object, id: number) => Prepared;

const prepareModern: Prepare = (tool, args, id) =>
  modernRequest('tools/call', { name: tool, arguments: args }, { id, progressToken: id });

async function openSession(url: string): Promise<Prepare> {
  const { headers } = await openLegacySession(url);
  return (tool, args, id) => {
    const params = { name: tool, arguments: args, _meta: { progressToken: id } };
    return { body: { jsonrpc: '2.0', id, method: 'tools/call', params }, headers };
  };
}
