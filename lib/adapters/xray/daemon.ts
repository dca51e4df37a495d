/** The X-Ray daemon, which takes documents as datagrams (X-Ray Developer Guide, "Sending segment documents"). */
const HEADER = '{"format":"json","version":1}\n';

/** Where it listens where nothing else is said. */
const DEFAULT_ADDRESS = '127.0.0.1:2000';

const dgram = process.getBuiltinModule('node:dgram');

interface Daemon {
  /** As the platform named it when this was opened. */
  readonly address: string;
  /** Settles when the operating system has taken the document; rejects with its error. */
  send(document: string): Promise<void>;
  close(): void;
}

/** Of the last documents, for the next ones. A datagram needs no connection that could have ended meanwhile. */
let opened: Daemon | undefined;

/**
 * To the one that the platform names in `AWS_XRAY_DAEMON_ADDRESS`. Settles when the operating system has taken all
 * documents; rejects with its error when it has not taken one of them, and begins anew with the next ones.
 */
export async function sendToDaemon(documents: readonly string[]): Promise<void> {
  const address = process.env['AWS_XRAY_DAEMON_ADDRESS'] || DEFAULT_ADDRESS;
  if (opened?.address !== address) forget(opened);
  const daemon = (opened ??= openDaemon(address));
  const results = await Promise.allSettled(documents.map((document) => daemon.send(document)));
  const failed = results.find((result) => result.status === 'rejected');
  if (failed === undefined) return;
  forget(daemon);
  throw failed.reason;
}

function forget(daemon: Daemon | undefined): void {
  if (daemon === undefined || daemon !== opened) return;
  opened = undefined;
  daemon.close();
}

function openDaemon(address: string): Daemon {
  const { host, port } = readAddress(address);
  const socket = dgram.createSocket(host.includes(':') ? 'udp6' : 'udp4');
  // No process lives on for it.
  socket.unref();
  const underWay = new Set<(error: Error) => void>();
  socket.on('error', (error) => {
    for (const reject of underWay) reject(error);
  });
  return {
    address,
    send: (document) =>
      new Promise((resolve, reject) => {
        underWay.add(reject);
        socket.send(HEADER + document, port, host, (error) => {
          underWay.delete(reject);
          if (error === null) resolve();
          else reject(error);
        });
      }),
    close: () => {
      for (const reject of underWay) reject(new Error('Another document could not be sent'));
      socket.close();
    },
  };
}

/** `host:port`, or one such address for each protocol: `tcp:host:port udp:host:port`. */
function readAddress(text: string): { readonly host: string; readonly port: number } {
  const addresses = text.split(/\s+/);
  const address = addresses.find((part) => part.startsWith('udp:'))?.slice('udp:'.length) ?? addresses[0] ?? '';
  const [, host, port] = /^\[?(.+?)\]?:(\d{1,5})$/.exec(address) ?? [];
  if (host === undefined || port === undefined) throw new Error('AWS_XRAY_DAEMON_ADDRESS is no address');
  return { host, port: Number(port) };
}
