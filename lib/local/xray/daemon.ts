/**
 * Stands in for the X-Ray daemon: takes what a function sends to `AWS_XRAY_DAEMON_ADDRESS`, one document in a datagram,
 * behind a header. Anybody on this machine can send to it, so nothing that comes is believed before it has been read.
 */
import { createSocket, type Socket } from 'node:dgram';
import { isObject, parseJson } from '../../protocol/message.ts';
import { readDocument, type DocumentResult, type SegmentDocument } from './document.ts';

export interface XrayDaemon {
  /** As `AWS_XRAY_DAEMON_ADDRESS` has it. */
  readonly address: string;
  close(): Promise<void>;
}

export interface XrayDaemonOptions {
  readonly onDocument: (document: SegmentDocument) => void;
  /** Hears of what cannot be read, a line at a time. */
  readonly report: (line: string) => void;
}

/** A sender that is wrong is so again and again. */
const MOST_REPORTS = 20;

/** Listens on a free port of 127.0.0.1. Rejects with the system's error. */
export async function startXrayDaemon({ onDocument, report }: XrayDaemonOptions): Promise<XrayDaemon> {
  const socket = createSocket('udp4');
  const complain = limited(report);
  socket.on('message', (datagram) => {
    const result = readDatagram(datagram);
    if (result.kind === 'document') onDocument(result.document);
    else complain(`X-Ray document refused: ${result.problems.join('; ')}`);
  });
  await bind(socket);
  // Once it is bound, an error is one of a datagram.
  socket.on('error', (error) => complain(`X-Ray documents: ${error.message}`));
  return {
    address: `127.0.0.1:${socket.address().port}`,
    close: () =>
      new Promise((resolve) => {
        socket.close(() => resolve());
      }),
  };
}

function bind(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(0, '127.0.0.1', () => {
      socket.off('error', reject);
      resolve();
    });
  });
}

function readDatagram(datagram: Buffer): DocumentResult {
  const end = datagram.indexOf('\n');
  const header = end < 0 ? undefined : parseJson(datagram.toString('utf8', 0, end));
  if (!isObject(header) || header['format'] !== 'json' || header['version'] !== 1) {
    return { kind: 'refused', problems: ['datagram: begins with {"format":"json","version":1} and a line break'] };
  }
  return readDocument(datagram.toString('utf8', end + 1));
}

function limited(report: (line: string) => void): (line: string) => void {
  let reports = 0;
  return (line) => {
    reports += 1;
    if (reports <= MOST_REPORTS) report(line);
    if (reports === MOST_REPORTS) report('X-Ray documents that are refused from now on are not reported');
  };
}
