/** An upstream session as a map within another record. */
import type { AttributeValue } from '@aws-sdk/client-dynamodb';

import type { UpstreamSession } from '../../ports.ts';
import { GarbledRecord, numberValue, readNumber, readText, textValue } from './item.ts';

export function encodeUpstreamSession(session: UpstreamSession): AttributeValue {
  return {
    M: {
      generation: textValue(session.generation),
      ...(session.id !== null && { id: textValue(session.id) }),
      protocolVersion: textValue(session.protocolVersion),
      attachedAt: numberValue(session.attachedAt),
    },
  };
}

/** `attribute` is where the value was found. */
export function decodeUpstreamSession(value: AttributeValue, attribute: string): UpstreamSession {
  if (value.M === undefined) throw new GarbledRecord(attribute);
  return {
    generation: readText(value.M, 'generation'),
    id: value.M['id'] ? readText(value.M, 'id') : null,
    protocolVersion: readText(value.M, 'protocolVersion'),
    attachedAt: readNumber(value.M, 'attachedAt'),
  };
}
