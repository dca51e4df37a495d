/**
 * How servers say that they do not know a tool: by an error (2026-07-28, server/tools, "Error Handling"), or by a tool
 * result that is one, as several SDKs do. No code is for this alone, so the words decide; whoever acts on it looks
 * whether the tool was listed at all.
 */
import { isObject, JSON_RPC, type Json, type ResponseMessage } from './message.ts';

const WORDS = /unknown tool|no such tool|tool\b.{0,200}\bnot (?:found|exist)|not found\b.{0,200}\btool/is;

export function saysToolIsUnknown({ body }: ResponseMessage): boolean {
  if ('error' in body) {
    const { code, message } = body.error;
    return code === JSON_RPC.methodNotFound || (code === JSON_RPC.invalidParams && WORDS.test(message.slice(0, 1000)));
  }
  const { isError, content } = body.result;
  return isError === true && Array.isArray(content) && content.length > 0 && isUnknownText(content[0]);
}

function isUnknownText(block: Json | undefined): boolean {
  return isObject(block) && typeof block['text'] === 'string' && WORDS.test(block['text'].slice(0, 1000));
}
