/**
 * A legacy server's questions to its client (sampling, elicitation, roots, ping). Towards the client, the question's id
 * names the upstream and carries the original id, type included, so that the answer finds its way from any environment:
 * `time/7` stands for the number 7 of upstream `time`, `time/"7"` for the string. The id is no secret and needs no
 * signature: an answer only ever goes into the answering client session's own upstream session.
 */
import { editObject, memberText } from '../json-text.ts';
import { parseJson } from '../message.ts';

export interface QuestionId {
  readonly upstream: string;
  /** The id as the upstream wrote it, JSON text. */
  readonly idText: string;
}

/** JSON text of the id under which the client sees the question. */
export function toClientQuestionId(question: QuestionId): string {
  return JSON.stringify(`${question.upstream}/${question.idText}`);
}

/** Reads an id that a client answers to; undefined when the gateway cannot have given it out. */
export function fromClientQuestionId(idText: string): QuestionId | undefined {
  const id = parseJson(idText);
  if (typeof id !== 'string') return undefined;
  const slash = id.indexOf('/');
  if (slash === -1) return undefined;
  const original = id.slice(slash + 1);
  const value = parseJson(original);
  if (typeof value !== 'string' && !Number.isInteger(value)) return undefined;
  return { upstream: id.slice(0, slash), idText: original.trim() };
}

/** The question as the client gets it. */
export function questionToClient(text: string, question: QuestionId): string {
  return editObject(text, { id: () => toClientQuestionId(question) });
}

/** The client's answer as the upstream gets it. */
export function answerToUpstream(text: string, idText: string): string {
  return editObject(text, { id: () => idText });
}

/** A server that withdraws its question names it by id, which the client knows in another form. */
export function withdrawalToClient(text: string, upstream: string): string {
  return editObject(text, {
    params: (params) =>
      memberText(params, 'requestId') === undefined
        ? params
        : editObject(params, { requestId: (idText) => toClientQuestionId({ upstream, idText }) }),
  });
}
