import { afterAll, beforeAll, expect, test } from 'vitest';
import { modernRequest, post, type Headers } from '../support/wire.ts';
import { expectNobodyStuck, type Attempt } from './killing.ts';
import { callModern, expectAnswer, openWorld, type World } from './world.ts';

const LIMIT_MS = 60_000;

let world: World;

beforeAll(async () => {
  world = await openWorld();
});

afterAll(async () => {
  const defects = world.stage.gateway.logLines().filter((line) => line.includes('"defect"'));
  await world.close();
  expect(defects).toEqual([]);
});

/** The same client and the same upstream work on, at the first attempt. */
async function expectServed(url: string, tag: string): Promise<void> {
  expectAnswer(await callModern(url, `after ${tag}`), `after ${tag}`);
}

function callAt(url: string, tag: string, tool?: string): Attempt {
  return {
    send: (mark) => callModern(url, tag, { ...(tool !== undefined && { tool }), mark }),
    next: () => expectServed(url, tag),
  };
}

test('within a call', { timeout: LIMIT_MS }, async ({ annotate }) => {
  const kind = {
    least: 6,
    among: ['POST tools/call before', 'POST tools/call after', 'POST tools/call chunk', 'answer before', 'settled'],
    prepare: async (tag: string) => callAt(world.url('modern'), tag),
  };
  await expectNobodyStuck(world, kind, annotate);
});

test('within a call that streams', { timeout: LIMIT_MS }, async ({ annotate }) => {
  const kind = {
    least: 9,
    among: ['POST tools/call chunk', 'answer chunk', 'answer chunk (2)', 'answer end'],
    prepare: async (tag: string) => callAt(world.url('modern'), tag, 'streamed'),
  };
  await expectNobodyStuck(world, kind, annotate);
});

test('within a call that takes too long', { timeout: LIMIT_MS }, async ({ annotate }) => {
  const kind = {
    least: 4,
    among: ['POST tools/call after'],
    prepare: async (tag: string) => callAt(world.url('modern'), tag, 'slow'),
  };
  await expectNobodyStuck(world, kind, annotate);
});

test('while it learns the eras of an upstream', { timeout: LIMIT_MS }, async ({ annotate }) => {
  const kind = {
    least: 14,
    among: ['upstreamEras.read after', 'POST server/discover after', 'upstreamEras.write before', 'upstreamEras.write after'],
    prepare: async (tag: string) => callAt(world.strangerUrl('both'), tag),
  };
  await expectNobodyStuck(world, kind, annotate);
});

test('while it finds out the eras of an upstream', { timeout: LIMIT_MS }, async ({ annotate }) => {
  const kind = {
    least: 8,
    among: ['upstreamEras.read before', 'upstreamEras.read after', 'POST tools/call before'],
    async prepare(tag: string): Promise<Attempt> {
      const url = world.strangerUrl('both');
      await world.stage.run((mark) => callModern(url, `before ${tag}`, { mark }));
      return callAt(url, tag);
    },
  };
  await expectNobodyStuck(world, kind, annotate);
});

test('while it learns that an upstream is of the other era', { timeout: LIMIT_MS }, async ({ annotate }) => {
  const kind = {
    least: 20,
    among: ['POST server/discover after', 'POST initialize after', 'DELETE before', 'upstreamEras.write after'],
    async prepare(tag: string): Promise<Attempt> {
      const url = world.strangerUrl('old');
      return {
        send: (mark) => callModern(url, tag, { mark }),
        next: async () => {
          const refused = await callModern(url, `after ${tag}`);
          expect([refused.status, refused.messages[0]?.error?.code]).toEqual([400, -32022]);
        },
      };
    },
  };
  await expectNobodyStuck(world, kind, annotate);
});

test('within server/discover', { timeout: LIMIT_MS }, async ({ annotate }) => {
  const kind = {
    least: 8,
    among: ['POST server/discover before', 'POST server/discover chunk', 'upstreamEras.write after'],
    async prepare(tag: string): Promise<Attempt> {
      const url = world.strangerUrl('both');
      const discover = (mark: Headers) => {
        const { body, headers } = modernRequest('server/discover', {}, { id: tag });
        return post(url, body, { ...headers, ...mark });
      };
      return {
        send: discover,
        next: async () => {
          expect((await discover({})).messages[0]?.result?.supportedVersions).toContain('2026-07-28');
          await expectServed(url, tag);
        },
      };
    },
  };
  await expectNobodyStuck(world, kind, annotate);
});
