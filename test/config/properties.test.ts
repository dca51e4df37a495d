import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { configJsonSchema } from '../../lib/config/json-schema.ts';
import { readJson } from '../../lib/config/json.ts';
import { parseConfig, resolveConfig } from '../../lib/config/load.ts';
import { isShown } from '../../lib/protocol/names.ts';
import { configOf, pathsOf, withServer, withTop } from './sample.ts';

const seed = Date.now() % 2 ** 31;
process.stdout.write(`test/config/properties: fast-check seed ${seed}\n`);
const property = { seed, numRuns: 100 };

// ------------------------------------------------------------------------------------------------- files that are right

const name = fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,39}$/);
const time = (largest: number) => fc.integer({ min: 1, max: largest });
const url = fc
  .tuple(
    fc.constantFrom('http://', 'https://'),
    fc.constantFrom('time.example', 'localhost:9081', '127.0.0.1:65535', '[::1]', 'xn--bcher-kva.example'),
    fc.constantFrom('', '/', '/mcp', '/@scope/server', '/a%20b', '?zone=utc', '/mcp?at=a@b&c'),
  )
  .map((parts) => parts.join(''));
const headerName = fc.stringMatching(/^x-[A-Za-z0-9]{1,8}$/);
const headerValue = fc.stringMatching(/^(?:[\x21-\x7e]{1,9}(?: [\x21-\x7e]{1,9})?)?$/);

const upstream = time(895_000).chain((timeoutMs) => {
  const limit = time(timeoutMs);
  return fc.record(
    {
      url,
      prefix: fc.stringMatching(/^[A-Za-z0-9-]{0,20}$/),
      era: fc.constantFrom('auto', 'modern', 'legacy'),
      isolation: fc.constantFrom('caller', 'call', 'shared'),
      headers: fc
        .uniqueArray(fc.tuple(headerName, headerValue), { selector: ([header]) => header.toLowerCase() })
        .map((headers) => Object.fromEntries(headers)),
      timeoutMs: fc.constant(timeoutMs),
      idleTimeoutMs: limit,
      connectTimeoutMs: limit,
      tools: fc.dictionary(
        fc.stringMatching(/^[A-Za-z0-9_.-]{1,30}$/).filter((tool) => !/^(__proto__|constructor|prototype)$/.test(tool)),
        time(895_000).chain((total) =>
          fc.record(
            { timeoutMs: fc.constant(total), idleTimeoutMs: time(total), connectTimeoutMs: time(total) },
            { requiredKeys: ['timeoutMs'] },
          ),
        ),
        { maxKeys: 3 },
      ),
    },
    { requiredKeys: ['url', 'prefix', 'timeoutMs'] },
  );
});

const rightFile = fc.dictionary(name, upstream, { minKeys: 1, maxKeys: 4 }).chain((upstreams) => {
  const server = fc.record(
    {
      upstreams: fc.constantFrom(...Object.keys(upstreams)).map((one) => [one]),
      tools: fc.subarray(['*', '*x', '**']),
    },
    { requiredKeys: ['upstreams'] },
  );
  return fc.record(
    {
      $schema: fc.string(),
      upstreams: fc.constant(upstreams),
      servers: fc.dictionary(name, server, { minKeys: 1, maxKeys: 4 }),
      auth: fc.constant({ mode: 'none' }),
      origins: fc.subarray(['https://app.example', 'http://localhost:*', 'http://[::1]:8080']),
      limits: fc.record(
        { requestBytes: time(6_291_456), upstreamMessageBytes: time(209_715_200) },
        { requiredKeys: [] },
      ),
    },
    { requiredKeys: ['upstreams', 'servers'] },
  );
});

// ------------------------------------------------------------------------------------------------- files that are not

/** JSON in which the keys of the file are likely, so that every part of it is reached. */
const anyFile = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.jsonValue({ maxDepth: 1 }),
    fc.constantFrom('time', 'auto', 'http://time.example', 'time__*', 'http://localhost:*', 1, 55_000),
    fc.array(tie('value'), { maxLength: 3 }),
    tie('section'),
  ),
  section: fc
    .array(fc.tuple(fc.oneof(fc.constantFrom(...knownKeys(), '__proto__', 'constructor'), fc.string()), tie('value')), {
      maxLength: 5,
    })
    .map((entries) => Object.fromEntries(entries) as unknown),
})).section;

function knownKeys(): string[] {
  return [...JSON.stringify(configJsonSchema()).matchAll(/"([$\w]+)":\{/g)].map(([, key]) => key!);
}

function platformReading(text: string): { value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return undefined;
  }
}

const schema = z.fromJSONSchema(configJsonSchema());

describe(`whatever the file holds (seed ${seed})`, () => {
  it('the file is resolved, or refused with problems that each say a path and what was expected', () => {
    const check = fc.property(fc.oneof(anyFile, fc.jsonValue(), fc.anything()), (file) => {
      const result = resolveConfig(file);
      if (result.ok) return;
      expect(result.problems.length).toBeGreaterThan(0);
      for (const { path, expected, found } of result.problems) {
        expect(path).not.toBe('');
        expect(expected).not.toBe('');
        expect(found).not.toBe('');
      }
    });
    fc.assert(check, { ...property, numRuns: 1_000 });
  });

  it('a right file is resolved, and the JSON Schema accepts it as well', () => {
    const check = fc.property(rightFile, (file) => {
      expect(pathsOf(file)).toEqual([]);
      expect(schema.safeParse(file).success).toBe(true);
    });
    fc.assert(check, property);
  });

  it('a resolved configuration resolves to itself, directly and by way of JSON', () => {
    const check = fc.property(rightFile, (file) => {
      const config = configOf(file);
      expect(configOf(config)).toStrictEqual(config);
      expect(parseConfig(JSON.stringify(config))).toEqual({ ok: true, config });
    });
    fc.assert(check, property);
  });

  it('a right file with one more key is refused, wherever the key is put', () => {
    const check = fc.property(rightFile, fc.nat(), (file, choice) => {
      const copy = structuredClone(file);
      const sections: object[] = [copy, ...Object.values(copy.upstreams), ...Object.values(copy.servers)];
      if (copy.limits) sections.push(copy.limits);
      Object.assign(sections[choice % sections.length]!, { speed: 1 });
      expect(pathsOf(copy)).toEqual([expect.stringMatching(/(^|\.)speed$/)]);
    });
    fc.assert(check, property);
  });

  it('a pattern is refused exactly when no name with the prefix can match it', () => {
    const pattern = fc.stringMatching(/^[time_*]{1,9}$/);
    const rest = fc.stringMatching(/^[time_]{1,4}$/);
    const check = fc.property(pattern, fc.array(rest, { maxLength: 20 }), (tools, names) => {
      const refused = pathsOf(withServer({ tools: [tools] })).length > 0;
      const tail = tools.slice(tools.indexOf('*') + 1).replaceAll('*', '');
      const likely = [tools.replace(/^time__/, '').replaceAll('*', ''), `x${tail}`].filter((item) => item !== '');
      const shown = [...names, ...likely].some((item) => isShown([tools], `time__${item}`));
      expect(shown).toBe(!refused);
    });
    fc.assert(check, { ...property, numRuns: 2_000 });
  });

  it('text is JSON for the gateway exactly when it is JSON for the platform', () => {
    const json = fc
      .json()
      .chain((text) =>
        fc
          .tuple(fc.nat(text.length), fc.constantFrom('', ...'{ } [ ] , : " \\ 0 - . e u \n'.split(' '), ' '))
          .map(([at, put]) => text.slice(0, at) + put + text.slice(put === '' ? at : at + 1)),
      );
    const check = fc.property(fc.oneof(json, fc.json(), fc.string()), (text) => {
      const reading = readJson(text);
      expect(reading.ok ? { value: reading.value } : undefined).toEqual(platformReading(text));
      expect(parseConfig(text)).toHaveProperty('ok');
    });
    fc.assert(check, { ...property, numRuns: 2_000 });
  });

  it('no name that objects inherit is ever found in a configuration', () => {
    const inherited = fc.constantFrom(...Object.getOwnPropertyNames(Object.prototype));
    const check = fc.property(rightFile, inherited, (file, hostile) => {
      fc.pre(!Object.hasOwn(file.upstreams, hostile) && !Object.hasOwn(file.servers, hostile));
      const { upstreams, servers } = configOf(file);
      expect([upstreams[hostile], servers[hostile]]).toEqual([undefined, undefined]);
    });
    fc.assert(check, property);
  });

  it('a value that is wrong in one place does not hide another that is wrong elsewhere', () => {
    const faults = fc.subarray(
      [
        ['upstreams.time.era', { upstream: { era: 'old' } }],
        ['upstreams.time.timeoutMs', { upstream: { timeoutMs: 0 } }],
        ['upstreams.time.headers.cookie', { upstream: { headers: { cookie: 'a' } } }],
        ['upstreams.time.prefix', { upstream: { prefix: 'a b' } }],
        ['servers.default.upstreams[0]', { server: { upstreams: ['none'] } }],
        ['servers.default.tools[0]', { server: { tools: ['?'] } }],
        ['origins[0]', { top: { origins: ['app.example'] } }],
        ['auth.mode', { top: { auth: { mode: 'open' } } }],
        ['limits.requestBytes', { top: { limits: { requestBytes: 0 } } }],
        ['speed', { top: { speed: 1 } }],
      ] as [string, { upstream?: object; server?: object; top?: object }][],
      { minLength: 1 },
    );
    const check = fc.property(faults, (chosen) => {
      const merge = (part: 'upstream' | 'server' | 'top'): object =>
        Object.assign({}, ...chosen.map(([, fault]) => fault[part] ?? {})) as object;
      const file = withTop({
        upstreams: { time: { url: 'http://time.example', ...merge('upstream') } },
        servers: { default: { upstreams: ['time'], ...merge('server') } },
        ...merge('top'),
      });
      expect(pathsOf(file).toSorted()).toEqual(chosen.map(([path]) => path).toSorted());
    });
    fc.assert(check, property);
  });
});
