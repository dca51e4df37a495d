/**
 * Progress that cannot arrive all at once: a tool that reports a step and waits until the client says, by a way of its
 * own, that it has seen it, before it takes the next one.
 */
import type { McpServer } from '@modelcontextprotocol/server';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { createServer } from 'node:http';
import * as z from 'zod/v4';
import { says } from '../journeys/surface.ts';

export interface Pacing {
  /** Where a client says that it has seen a step, by a POST; the number of the step follows. */
  readonly seen: string;
  /** What tools and client have done since the last `begin`, in order. */
  readonly course: readonly string[];
  begin(): void;
  /** Adds the tool, `paced`. */
  register(server: McpServer): void;
  close(): Promise<void>;
}

/** What the course of a call of `count` steps is when nothing holds them up on their way. */
export function steadyCourse(count: number): string[] {
  const steps = Array.from({ length: count }, (_, step) => [`reported ${step + 1}`, `seen ${step + 1}`]);
  return [...steps.flat(), 'answered'];
}

export async function startPacing(): Promise<Pacing> {
  let course: string[] = [];
  let steps = new Map<string, PromiseWithResolvers<void>>();
  const stepOf = (number: string): PromiseWithResolvers<void> => {
    const step = steps.get(number) ?? Promise.withResolvers<void>();
    steps.set(number, step);
    return step;
  };

  const server = createServer((request, response) => {
    const number = request.url?.slice(1) ?? '';
    course.push(`seen ${number}`);
    stepOf(number).resolve();
    response.end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  return {
    seen: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get course() {
      return course;
    },
    begin: () => {
      course = [];
      steps = new Map();
    },
    register: (mcpServer) => {
      const definition = { description: 'Reports steps that are seen', inputSchema: z.object({ count: z.number() }) };
      mcpServer.registerTool('paced', definition, async ({ count }, { mcpReq }) => {
        const progressToken = mcpReq._meta?.progressToken;
        if (progressToken === undefined) return { ...says('Nobody wants to see the steps'), isError: true };
        for (let step = 1; step <= count; step += 1) {
          course.push(`reported ${step}`);
          const params = { progressToken, progress: step, total: count };
          await mcpReq.notify({ method: 'notifications/progress', params });
          await stepOf(String(step)).promise;
        }
        course.push('answered');
        return says(`${count} steps, each of them seen`);
      });
    },
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
