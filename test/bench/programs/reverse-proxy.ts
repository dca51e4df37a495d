/** The least that a proxy in Node can do: it passes headers and bytes on, over kept-alive connections. */
import { Agent, request as send } from 'node:http';
import { listen, runProgram } from './program.ts';

interface Data {
  /** Origin to pass everything on to. */
  readonly target: string;
}

await runProgram(async (data) => {
  const { target } = data as Data;
  const { hostname, port } = new URL(target);
  const agent = new Agent({ keepAlive: true });
  const origin = await listen((incoming, response) => {
    const { method, url: path, headers } = incoming;
    const outgoing = send({ agent, hostname, port, method, path, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    outgoing.on('error', () => response.destroy());
    incoming.pipe(outgoing);
  });
  return { origin };
});
