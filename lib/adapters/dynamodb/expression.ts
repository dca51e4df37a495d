import type { Item } from './item.ts';
import { NAMES } from './conditions.ts';

/** A condition of `CONDITIONS` or `KEY_CONDITIONS`, or an update, with what it needs from its operation. */
export interface Expression {
  readonly text: string;
  readonly values?: Item;
  /** Names that are not among `NAMES`. */
  readonly names?: Readonly<Record<string, string>>;
}

/**
 * The names and values that the expressions of one request use together; DynamoDB refuses those that none of them uses.
 */
export function attributesOf(...expressions: readonly (Expression | undefined)[]) {
  const used = new Set(expressions.flatMap((expression) => expression?.text.match(/#\w+/g) ?? []));
  const names = Object.assign({}, NAMES, ...expressions.map((expression) => expression?.names)) as typeof NAMES;
  const values = Object.assign({}, ...expressions.map((expression) => expression?.values)) as Item;
  return {
    ...(used.size > 0 && {
      ExpressionAttributeNames: Object.fromEntries(Object.entries(names).filter(([name]) => used.has(name))),
    }),
    ...(Object.keys(values).length > 0 && { ExpressionAttributeValues: values }),
  };
}
