/** Attributes of a record, read without trusting that this version of the gateway wrote them. */
import type { AttributeValue } from '@aws-sdk/client-dynamodb';

import type { Json, JsonObject } from '../../protocol/message.ts';

export type Item = Record<string, AttributeValue>;

/** A record holds something else than it should. Names the attribute and does not show what is in it. */
export class GarbledRecord extends Error {
  override readonly name = 'GarbledRecord';

  constructor(attribute: string) {
    super(`attribute ${attribute} is missing or is not what it should be`);
  }
}

export function readText(item: Item, attribute: string): string {
  const text = item[attribute]?.S;
  if (text === undefined) throw new GarbledRecord(attribute);
  return text;
}

export function readNumber(item: Item, attribute: string): number {
  const digits = item[attribute]?.N;
  const number = Number(digits);
  if (digits === undefined || !Number.isFinite(number)) throw new GarbledRecord(attribute);
  return number;
}

export function readFlag(item: Item, attribute: string): boolean {
  const flag = item[attribute]?.BOOL;
  if (flag === undefined) throw new GarbledRecord(attribute);
  return flag;
}

export function readBytes(item: Item, attribute: string): Uint8Array {
  const bytes = item[attribute]?.B;
  if (bytes === undefined) throw new GarbledRecord(attribute);
  return bytes;
}

export function readMap(item: Item, attribute: string): Item {
  const map = item[attribute]?.M;
  if (map === undefined) throw new GarbledRecord(attribute);
  return map;
}

/** A value that was written with `jsonValue`. */
export function readJson(item: Item, attribute: string): Json {
  const text = readText(item, attribute);
  try {
    return JSON.parse(text) as Json;
  } catch {
    throw new GarbledRecord(attribute);
  }
}

export function readJsonObject(item: Item, attribute: string): JsonObject {
  const value = readJson(item, attribute);
  if (!isJsonObject(value)) throw new GarbledRecord(attribute);
  return value;
}

export function isJsonObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function textValue(text: string): AttributeValue {
  return { S: text };
}

export function numberValue(number: number): AttributeValue {
  return { N: String(number) };
}

export function flagValue(flag: boolean): AttributeValue {
  return { BOOL: flag };
}

/**
 * JSON as text, for what no condition looks into and for text that others chose: it keeps even unpaired surrogates,
 * which a DynamoDB string cannot hold.
 */
export function jsonValue(value: Json): AttributeValue {
  return { S: JSON.stringify(value) };
}
