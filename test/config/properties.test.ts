import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { configJsonSchema } from '../../lib/config/json-schema.ts';
import { readJson } from '../../lib/config/json.ts';
import { parseConfig, resolveConfig, UNSAID } from '../../lib/config/load.ts';
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

const hostile = /^(__proto__|constructor|prototype)$/;
const processText = fc.string({ unit: 'binary' }).map((text) => text.replaceAll('\u0000', ''));
const variableName = fc
  .stringMatching(/^[A-Za-z_][A-Za-z0-9_.() -]{0,9}$/)
  .filter((variable) => !hostile.test(variable));

/** What every upstream may have, the keys of its tools aside. */
const common = (timeoutMs: number) => ({
  prefix: fc.stringMatching(/^[A-Za-z0-9-]{0,20}$/),
  era: fc.constantFrom('auto', 'modern', 'legacy'),
  isolation: fc.constantFrom('caller', 'call', 'shared'),
  timeoutMs: fc.constant(timeoutMs),
  idleTimeoutMs: time(timeoutMs),
  listTtlMs: fc.nat(86_400_000),
  pin: fc.boolean(),
  traceContext: fc.boolean(),
});

const toolsWith = (limits: (total: number) => object) =>
  fc.dictionary(
    fc.stringMatching(/^[A-Za-z0-9_.-]{1,30}$/).filter((tool) => !hostile.test(tool)),
    time(895_000).chain((total) =>
      fc.record(
        { timeoutMs: fc.constant(total), idleTimeoutMs: time(total), ...limits(total) },
        { requiredKeys: ['timeoutMs'] },
      ),
    ),
    { maxKeys: 3 },
  );

const urlUpstream = time(895_000).chain((timeoutMs) =>
  fc
    .record(
      {
        url,
        transport: fc.constantFrom('http', 'sse'),
        headers: fc
          .uniqueArray(fc.tuple(headerName, headerValue), { selector: ([header]) => header.toLowerCase() })
          .map((headers) => Object.fromEntries(headers)),
        connectTimeoutMs: time(timeoutMs),
        tools: toolsWith((total) => ({ connectTimeoutMs: time(total) })),
        ...common(timeoutMs),
      },
      { requiredKeys: ['url', 'prefix', 'timeoutMs'] },
    )
    .filter(({ transport, era }) => transport !== 'sse' || era !== 'modern'),
);

const commandUpstream = time(895_000).chain((timeoutMs) =>
  fc.record(
    {
      command: processText.filter((text) => text !== ''),
      args: fc.array(processText, { maxLength: 3 }),
      env: fc.dictionary(variableName, processText, { maxKeys: 3 }),
      cwd: processText.filter((text) => text !== ''),
      idleMs: time(86_400_000),
      maxProcesses: time(1_000),
      tools: toolsWith(() => ({})),
      ...common(timeoutMs),
    },
    { requiredKeys: ['command', 'prefix', 'timeoutMs'] },
  ),
);

const upstream: fc.Arbitrary<{ readonly prefix: string }> = fc.oneof(urlUpstream, commandUpstream);

const rightFile = fc.dictionary(name, upstream, { minKeys: 1, maxKeys: 4 }).chain((upstreams) => {
  const server = fc.record(
    {
      upstreams: fc
        .shuffledSubarray(Object.keys(upstreams), { minLength: 1 })
        .map((chosen) => chosen.filter((one, index) => firstWithPrefix(upstreams, chosen, one) === index)),
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
      refresh: fc.constantFrom('every-minute', 'off'),
    },
    { requiredKeys: ['upstreams', 'servers'] },
  );
});

function firstWithPrefix(
  upstreams: Readonly<Record<string, { readonly prefix: string }>>,
  names: readonly string[],
  name: string,
): number {
  return names.findIndex((other) => upstreams[other]?.prefix === upstreams[name]?.prefix);
}

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
      const result = resolveConfig(file, UNSAID.deployed);
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
      expect(parseConfig(JSON.stringify(config), UNSAID.deployed)).toEqual({ ok: true, config });
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
      expect(parseConfig(text, UNSAID.deployed)).toHaveProperty('ok');
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
        ['refresh', { top: { refresh: 'hourly' } }],
        ['upstreams.time.args', { upstream: { args: ['-v'] } }],
        ['upstreams.time.transport', { upstream: { transport: 'websocket' } }],
        ['upstreams.time.pin', { upstream: { pin: 'yes' } }],
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
