import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { modernRequest, post, type Headers } from '../support/wire.ts';
import { expectNobodyStuck, KILLING_MS, type Attempt, type Kind } from './killing.ts';
import { callModern, expectServedModern, openWorld, type World } from './world.ts';

let world: World;
beforeAll(async () => void (world = await openWorld()));
afterAll(() => world.close());

/** The attempt is a call there, and has to be followed by another one. */
function callAt(url: string, tag: string, tool?: string): Attempt {
  return {
    send: (mark) => callModern(url, tag, { tool, mark }),
    next: () => expectServedModern(url, `after ${tag}`),
  };
}

/** The attempt is a list of the tools there, and has to be followed by another one. */
function listAt(url: string, tag: string): Attempt {
  const list = (mark: Headers = {}) => {
    const { body, headers } = modernRequest('tools/list', {}, { id: tag });
    return post(url, body, { ...headers, ...mark });
  };
  return {
    send: list,
    next: async () => {
      expect((await list()).messages[0]?.result?.tools).toContainEqual({ name: 'ok', inputSchema: { type: 'object' } });
      await expectServedModern(url, `after ${tag}`);
    },
  };
}

const kinds: Readonly<Record<string, Kind>> = {
  'within a call': {
    least: 6,
    among: ['POST tools/call before', 'POST tools/call after', 'POST tools/call chunk', 'answer before', 'settled'],
    prepare: async ({ url }, tag) => callAt(url('modern'), tag),
  },

  'within a call that streams': {
    least: 9,
    among: ['POST tools/call chunk', 'answer chunk', 'answer chunk (2)', 'answer end'],
    prepare: async ({ url }, tag) => callAt(url('modern'), tag, 'streamed'),
  },

  'within a call that takes too long': {
    least: 4,
    among: ['POST tools/call before', 'POST tools/call after'],
    prepare: async ({ url }, tag) => callAt(url('modern'), tag, 'slow'),
  },

  'while it learns the eras of an upstream': {
    least: 14,
    among: [
      'upstreamEras.read after',
      'POST server/discover after',
      'upstreamEras.write before',
      'POST tools/call after',
    ],
    prepare: async ({ strangerUrl }, tag) => callAt(strangerUrl('both'), tag),
  },

  'where the eras of an upstream are remembered': {
    least: 8,
    among: ['upstreamEras.read before', 'upstreamEras.read after', 'POST tools/call before'],
    async prepare({ stage, strangerUrl }, tag) {
      const url = strangerUrl('both');
      await stage.run((mark) => callModern(url, `before ${tag}`, { mark }));
      return callAt(url, tag);
    },
  },

  'while it learns that an upstream lacks the era, and calls it in the other': {
    least: 24,
    among: [
      'POST server/discover after',
      'POST initialize after',
      'POST tools/call before',
      'DELETE before',
      'upstreamEras.write after (2)',
    ],
    prepare: async ({ strangerUrl }, tag) => callAt(strangerUrl('old'), tag),
  },

  'in a session of its own': {
    least: 14,
    among: ['POST initialize before', 'POST tools/call after', 'DELETE before', 'DELETE after'],
    async prepare({ stage, strangerUrl }, tag) {
      const url = strangerUrl('old');
      await stage.run((mark) => callModern(url, `before ${tag}`, { mark }));
      return callAt(url, tag);
    },
  },

  'within a list': {
    least: 18,
    among: ['catalog.heads after', 'POST tools/list after', 'catalog.write before', 'catalog.write after'],
    prepare: async ({ strangerUrl }, tag) => listAt(strangerUrl('both'), tag),
  },

  'within a list that is kept': {
    least: 6,
    among: ['catalog.heads before', 'catalog.heads after', 'catalog.texts before', 'catalog.texts after'],
    async prepare({ stage, strangerUrl }, tag) {
      const url = strangerUrl('old');
      await stage.run((mark) => listAt(url, `before ${tag}`).send(mark));
      return listAt(url, tag);
    },
  },

  'within server/discover': {
    least: 8,
    among: ['POST server/discover before', 'POST server/discover chunk', 'upstreamEras.write after'],
    async prepare({ strangerUrl }, tag) {
      const url = strangerUrl('both');
      const discover = (mark: Headers = {}) => {
        const { body, headers } = modernRequest('server/discover', {}, { id: tag });
        return post(url, body, { ...headers, ...mark });
      };
      return {
        send: discover,
        next: async () => {
          expect((await discover()).messages[0]?.result?.supportedVersions).toContain('2026-07-28');
          await expectServedModern(url, `after ${tag}`);
        },
      };
    },
  },
};

describe('everybody can go on wherever an environment ends', () => {
  test.for(Object.entries(kinds))('%s', { timeout: KILLING_MS }, async ([, kind], { annotate }) => {
    await expectNobodyStuck(world, kind, annotate);
  });
});
