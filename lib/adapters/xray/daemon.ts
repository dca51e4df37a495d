/** The X-Ray daemon, which takes documents as datagrams (X-Ray Developer Guide, "Sending segment documents"). */
const HEADER = '{"format":"json","version":1}\n';

/** Where it listens where nothing else is said. */
const DEFAULT_ADDRESS = '127.0.0.1:2000';

const dgram = process.getBuiltinModule('node:dgram');

export interface Daemon {
  /** Settles when the operating system has taken the document; rejects with its error. */
  send(document: string): Promise<void>;
  close(): void;
}

/** The one that the platform names in `AWS_XRAY_DAEMON_ADDRESS`. */
export function openDaemon(address = process.env['AWS_XRAY_DAEMON_ADDRESS'] || DEFAULT_ADDRESS): Daemon {
  const { host, port } = readAddress(address);
  const socket = dgram.createSocket(host.includes(':') ? 'udp6' : 'udp4');
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => undefined);
  socket.on('error', failed.reject);
  return {
    send: (document) =>
      Promise.race([
        failed.promise,
        new Promise<void>((resolve, reject) => {
          socket.send(HEADER + document, port, host, (error) => (error === null ? resolve() : reject(error)));
        }),
      ]),
    close: () => socket.close(),
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
