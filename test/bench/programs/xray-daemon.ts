/** Takes the documents that an X-Ray daemon is sent, counts them, and drops them. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { runProgram } from './program.ts';

/** All since it started. */
export type DaemonCounts = {
  documents: number;
  /** Of datagrams, the header before each document included. */
  bytes: number;
};

/** What waits to be read must not be lost: the counts are held against the calls. */
const RECEIVE_BUFFER_BYTES = 4 * 2 ** 20;

await runProgram(async () => {
  const counts: DaemonCounts = { documents: 0, bytes: 0 };
  const socket = createSocket({ type: 'udp4', recvBufferSize: RECEIVE_BUFFER_BYTES });
  socket.on('message', (datagram) => {
    counts.documents += 1;
    counts.bytes += datagram.length;
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  // As `AWS_XRAY_DAEMON_ADDRESS` has it.
  return { origin: `127.0.0.1:${socket.address().port}`, counts };
});
