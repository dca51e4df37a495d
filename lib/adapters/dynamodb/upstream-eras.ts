import type {
  KnownVersions,
  UpstreamEras,
  UpstreamEraStore,
  UpstreamTransportName,
} from '../../ports/upstream-eras.ts';
import type { Json } from '../../protocol/message.ts';
import {
  GarbledRecord,
  type Item,
  jsonValue,
  numberValue,
  readJsonObject,
  readNumber,
  readText,
  textValue,
} from './item.ts';
import { type Records, storeOperation } from './records.ts';
import { CONDITIONS } from './conditions.ts';
import { expiryAttributes, upstreamErasKey } from './table.ts';

export function createUpstreamEraStore(records: Records): UpstreamEraStore {
  return {
    read: (upstream) =>
      storeOperation('upstreamEras.read', async () => {
        // Half the price: who reads an old memory probes, or tries and then probes, as with any memory.
        const item = await records.get(upstreamErasKey(upstream), 'eventual');
        return item && decodeEras(item);
      }),

    write: (upstream, { versions, transport, learnedAt }, expiresAt) =>
      storeOperation('upstreamEras.write', async () => {
        const item = {
          ...upstreamErasKey(upstream),
          versions: jsonValue(versions),
          ...(transport !== undefined && { transport: textValue(transport) }),
          learnedAt: numberValue(learnedAt),
          ...expiryAttributes(expiresAt),
        };
        await records.put(item, {
          text: CONDITIONS.learnedLater,
          values: { ':learnedAt': numberValue(learnedAt) },
        });
      }),
  };
}

function decodeEras(item: Item): UpstreamEras {
  const { modern, legacy } = readJsonObject(item, 'versions');
  return {
    versions: {
      ...(modern !== undefined && { modern: decodeVersions(modern) }),
      ...(legacy !== undefined && { legacy: decodeVersions(legacy) }),
    },
    ...(item['transport'] && { transport: decodeTransport(item) }),
    learnedAt: readNumber(item, 'learnedAt'),
  };
}

function decodeTransport(item: Item): UpstreamTransportName {
  const transport = readText(item, 'transport');
  if (transport !== 'http' && transport !== 'sse') throw new GarbledRecord('transport');
  return transport;
}

function decodeVersions(value: Json): KnownVersions {
  const versions: readonly unknown[] = Array.isArray(value) ? value : [undefined];
  if (!versions.every((version) => typeof version === 'string')) throw new GarbledRecord('versions');
  return versions;
}
