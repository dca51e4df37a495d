/** What every implementation must do with the tool definitions that the operator trusts. */
import { describe, expect, test } from 'vitest';

import { HOSTILE, RACERS, startEnvironments } from './environments.ts';
import { legs } from './legs.ts';
import { freshKey, pinRecord, randomJson } from './samples.ts';

describe.each(legs)('pins in $name', (leg) => {
  const { environment, race } = startEnvironments(leg);
  const pins = () => environment().pins;

  test('an upstream that was never pinned has none', async () => {
    expect(await pins().read(freshKey())).toBeUndefined();
  });

  test('the first record is in place as it was given', async () => {
    const upstream = freshKey();
    const record = pinRecord({ text: '{"名前":"🦉","\\ud800":1e400}' });
    expect(await pins().write(upstream, record, undefined)).toBe(true);
    expect(await pins().read(upstream)).toEqual(record);
  });

  test.each([[2_000_000], [300_000], [0]])('a text of %i characters survives', async (chars) => {
    const upstream = freshKey();
    const first = pinRecord({ text: chars === 0 ? '' : randomJson(chars) });
    const second = pinRecord({ text: chars === 0 ? '' : randomJson(chars) });
    expect(await pins().write(upstream, first, undefined)).toBe(true);
    expect(await pins().read(upstream)).toEqual(first);
    expect(await pins().write(upstream, second, first.version)).toBe(true);
    expect(await pins().read(upstream)).toEqual(second);
  });

  test('a record replaces the version that it names', async () => {
    const upstream = freshKey();
    const first = pinRecord();
    const second = pinRecord({ text: '{"tools":[1]}' });
    await pins().write(upstream, first, undefined);
    expect(await pins().write(upstream, second, first.version)).toBe(true);
    expect(await pins().read(upstream)).toEqual(second);
  });

  test('a record that names another version than the one in place, or none, is refused', async () => {
    const upstream = freshKey();
    const record = pinRecord();
    await pins().write(upstream, record, undefined);
    expect(await pins().write(upstream, pinRecord(), undefined)).toBe(false);
    expect(await pins().write(upstream, pinRecord(), 'another')).toBe(false);
    expect(await pins().read(upstream)).toEqual(record);
  });

  test('a record that names a version is refused where there is none', async () => {
    const upstream = freshKey();
    expect(await pins().write(upstream, pinRecord(), 'gone')).toBe(false);
    expect(await pins().read(upstream)).toBeUndefined();
  });

  test('the same record, written once more, is still in place', async () => {
    const upstream = freshKey();
    const first = pinRecord();
    const second = pinRecord();
    await pins().write(upstream, first, undefined);
    expect(await pins().write(upstream, first, undefined)).toBe(true);
    await pins().write(upstream, second, first.version);
    expect(await pins().write(upstream, second, first.version)).toBe(true);
    expect(await pins().read(upstream)).toEqual(second);
  });

  test('of many first records at once exactly one is written', async () => {
    const upstream = freshKey();
    const records = Array.from({ length: RACERS }, (_, racer) => pinRecord({ text: `[${racer}]` }));
    const written = await race((stores, racer) => stores.pins.write(upstream, records[racer]!, undefined));
    expect(written.filter(Boolean)).toHaveLength(1);
    expect(await pins().read(upstream)).toEqual(records[written.indexOf(true)]);
  });

  test('of many replacements at once exactly one is written, time and again, however long the texts', async () => {
    const upstream = freshKey();
    const long = Array.from({ length: RACERS }, (_, racer) => randomJson(racer % 3 === 0 ? 900_000 : 1000));
    let inPlace = pinRecord({ text: long[0]! });
    await pins().write(upstream, inPlace, undefined);
    for (let round = 0; round < 5; round += 1) {
      const records = long.map((text) => pinRecord({ text }));
      const written = await race((stores, racer) => stores.pins.write(upstream, records[racer]!, inPlace.version));
      expect(written.filter(Boolean)).toHaveLength(1);
      inPlace = records[written.indexOf(true)]!;
      expect((await pins().read(upstream)) ?? {}).toEqual(inPlace);
    }
  });

  test('whoever reads while it is replaced gets one record or the other, whole', async () => {
    const upstream = freshKey();
    const records = Array.from({ length: 6 }, (_, index) =>
      pinRecord({ text: randomJson(index % 2 === 0 ? 700_000 : 400_000) }),
    );
    await pins().write(upstream, records[0]!, undefined);
    const progress = { replaced: false };
    const replace = async () => {
      for (const [index, record] of records.entries()) {
        if (index > 0) expect(await pins().write(upstream, record, records[index - 1]!.version)).toBe(true);
      }
    };
    const read = async () => {
      while (!progress.replaced) {
        const found = (await pins().read(upstream))!;
        expect(found.text === records.find(({ version }) => version === found.version)?.text).toBe(true);
      }
    };
    const replacing = replace().finally(() => {
      progress.replaced = true;
    });
    await Promise.all([replacing, read(), read()]);
    expect((await pins().read(upstream))?.version).toBe(records.at(-1)!.version);
  });

  test.each(HOSTILE)('an upstream named %j is an upstream like any other', async (word) => {
    const upstream = `${freshKey()}${word}`;
    const neighbour = pinRecord();
    const record = pinRecord({ text: word });
    await pins().write(`${upstream}#`, neighbour, undefined);
    expect(await pins().write(upstream, record, undefined)).toBe(true);
    expect(await pins().read(upstream)).toEqual(record);
    expect(await pins().read(`${upstream}#`)).toEqual(neighbour);
  });

  test('a record of ordinary length costs one request to read and to write, and two to replace', async () => {
    const tally = { requests: 0 };
    const store = environment(tally).pins;
    const upstream = freshKey();
    const record = pinRecord({ text: randomJson(100_000) });
    const operations: readonly (() => Promise<unknown>)[] = [
      () => store.read(upstream),
      () => store.write(upstream, record, undefined),
      () => store.read(upstream),
      () => store.write(upstream, pinRecord(), record.version),
      () => store.write(upstream, pinRecord(), record.version),
    ];
    const costs: number[] = [];
    for (const operation of operations) {
      const before = tally.requests;
      await operation();
      costs.push(tally.requests - before);
    }
    expect(costs).toEqual([1, 1, 1, 2, 1]);
  });
});
