import { createSocket } from 'node:dgram';
import { describe, expect, test } from 'vitest';
import { startXrayDaemon } from '../../../lib/local/xray/daemon.ts';
import { cleanUpAfterTest } from '../kit.ts';

const HEADER = '{"format":"json","version":1}\n';
const DOCUMENT = {
  type: 'subsegment',
  trace_id: '1-68f1c2d3-0123456789abcdef01234567',
  id: '0123456789abcdef',
  parent_id: 'fedcba9876543210',
  name: 'call',
  start_time: 1795000000.25,
  in_progress: true,
};

async function start(): Promise<{
  send(text: string | Buffer): void;
  /** The next document or report, in the order in which they came. */
  next(): Promise<string>;
}> {
  const heard: string[] = [];
  let wake = (): void => {};
  const hear = (text: string) => {
    heard.push(text);
    wake();
  };
  const daemon = await startXrayDaemon({ onDocument: ({ id }) => hear(id), report: hear });
  cleanUpAfterTest(() => daemon.close());
  const [host = '', port] = daemon.address.split(':');
  const socket = createSocket('udp4');
  cleanUpAfterTest(async () => void socket.close());
  return {
    send: (text) => socket.send(text, Number(port), host),
    next: async () => {
      while (heard.length === 0) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      return heard.shift()!;
    },
  };
}

describe('the stand-in for the X-Ray daemon', () => {
  test('takes the document in a datagram', async () => {
    const { send, next } = await start();
    send(HEADER + JSON.stringify(DOCUMENT));
    expect(await next()).toBe(DOCUMENT.id);
  });

  test.for<[string, string | Buffer, RegExp]>([
    ['nothing', '', /datagram: begins with/],
    ['no header', JSON.stringify(DOCUMENT), /datagram: begins with/],
    ['another version', `{"format":"json","version":2}\n${JSON.stringify(DOCUMENT)}`, /datagram: begins with/],
    ['bytes', Buffer.from([0xff, 0x0a, 0xfe, 0x00]), /datagram: begins with/],
    ['a header alone', HEADER, /document: is no JSON object/],
    ['a document that is none', `${HEADER}[]`, /document: is no JSON object/],
    ['a document that is wrong', `${HEADER}${JSON.stringify({ ...DOCUMENT, id: 'x' })}`, /refused: id: consists of 16/],
  ])('reports %s, and goes on', async ([, datagram, words]) => {
    const { send, next } = await start();
    send(datagram);
    expect(await next()).toMatch(words);
    send(HEADER + JSON.stringify(DOCUMENT));
    expect(await next()).toBe(DOCUMENT.id);
  });

  test('repeats nothing of what it refuses, and stops reporting at some time', async () => {
    const { send, next } = await start();
    for (let count = 0; count < 20; count += 1) {
      send(`${HEADER}${JSON.stringify({ ...DOCUMENT, name: '(\u001b[31m)' })}`);
      expect(await next()).toMatch(/^[\x20-\x7e]+$/);
    }
    expect(await next()).toMatch(/not reported/);
    send('x');
    send(HEADER + JSON.stringify(DOCUMENT));
    expect(await next()).toBe(DOCUMENT.id);
  });
});
