/** Content blocks for clients of 2025-03-26, whose schemas know no resource links (2025-06-18, changelog, 7). */
import { isObject, parseJson, type JsonObject } from '../message.ts';
import { editIfObject } from './edits.ts';

/** A link becomes text that says what it links to; its own members stay beside it, where they are ignored. */
export function blockToOldest(blockText: string): string {
  if (!LINK.test(blockText)) return blockText;
  const block = parseJson(blockText);
  if (!isObject(block) || block['type'] !== 'resource_link') return blockText;
  const text = JSON.stringify(describeLink(block));
  return editIfObject(blockText, { type: () => '"text"', text: () => text }, { text });
}

/** A prompt's message, whose content is one block. */
export function messageToOldest(messageText: string): string {
  return editIfObject(messageText, { content: blockToOldest });
}

/** Spares large blocks the parsing; a type written with escapes is taken for a link that it may be. */
const LINK = /resource_link|\\u/;

function describeLink({ title, name, uri }: JsonObject): string {
  const label = [title, name].find((words) => typeof words === 'string');
  const address = typeof uri === 'string' ? uri : '';
  return typeof label === 'string' ? `${label}: ${address}` : address;
}
