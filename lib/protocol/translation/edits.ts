/** Edits as translation between eras needs them: on texts that may not be objects. */
import { editObject, elementTexts, type MemberEdit } from '../json-text.ts';

export type MemberEdits = Readonly<Record<string, MemberEdit>>;

/** Leaves the member out. */
export const remove: MemberEdit = () => undefined;

export function isObjectText(text: string): boolean {
  return text.trimStart().startsWith('{');
}

/** What is no object stays as it is: the receiver refuses it in its own words. */
export function editIfObject(
  text: string,
  edits: MemberEdits,
  additions: Readonly<Record<string, string>> = {},
): string {
  return isObjectText(text) ? editObject(text, edits, additions) : text;
}

/** Undefined when the edits left nothing of an object that was not empty. */
export function editUnlessEmptied(
  text: string,
  edits: MemberEdits,
  additions: Readonly<Record<string, string>> = {},
): string | undefined {
  const edited = editIfObject(text, edits, additions);
  return edited === '{}' && !EMPTY_OBJECT.test(text) ? undefined : edited;
}

const EMPTY_OBJECT = /^\s*\{\s*\}\s*$/;

/** An element whose edit is undefined is left out; what is no array stays as it is. */
export function editElements(text: string, edit: MemberEdit): string {
  if (!text.trimStart().startsWith('[')) return text;
  const elements = elementTexts(text).flatMap((element) => edit(element) ?? []);
  return `[${elements.join(',')}]`;
}
