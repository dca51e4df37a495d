/** An upstream session as a map within another record. */
import type { AttributeValue } from '@aws-sdk/client-dynamodb';

import type { UpstreamSession } from '../../ports/upstream-sessions.ts';
import type { Expression } from './expression.ts';
import { flagValue, GarbledRecord, numberValue, readFlag, readNumber, readText, textValue } from './item.ts';

export function encodeUpstreamSession(session: UpstreamSession): AttributeValue {
  return {
    M: {
      generation: textValue(session.generation),
      ...(session.id !== null && { id: textValue(session.id) }),
      protocolVersion: textValue(session.protocolVersion),
      attachedAt: numberValue(session.attachedAt),
      ...(session.doubted && { doubted: flagValue(true) }),
      ...(session.leftAt !== undefined && { leftAt: numberValue(session.leftAt) }),
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
    ...(value.M['doubted'] && readFlag(value.M, 'doubted') && { doubted: true }),
    ...(value.M['leftAt'] && { leftAt: readNumber(value.M, 'leftAt') }),
  };
}

/** Sets the mark of the upstream session at `path`, or removes it. */
export function doubting(path: string, doubted: boolean): Expression {
  if (!doubted) return { text: `REMOVE ${path}.#doubted` };
  return { text: `SET ${path}.#doubted = :doubted`, values: { ':doubted': flagValue(true) } };
}
