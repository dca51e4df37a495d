/** What is answered in place of a child. */
import type { ServerResponse } from 'node:http';
import { JSON_RPC } from '../../protocol/message.ts';
import { sendError } from './answer.ts';
import type { NoChild } from './children.ts';

/** Of the codes that no modern server uses: who asks for the era takes it for the answer of an older one. */
const LEGACY_ONLY = -32000;

export function refuse(
  response: ServerResponse,
  status: number,
  idText: string | undefined,
  code: number,
  message: string,
): void {
  sendError(response, status, idText, { code, message });
}

export function refuseUnknownSession(response: ServerResponse, idText: string | undefined): void {
  refuse(response, 404, idText, JSON_RPC.invalidRequest, 'Session not found; begin again with initialize');
}

export function refuseModern(response: ServerResponse, idText: string): void {
  refuse(response, 400, idText, LEGACY_ONLY, 'This server speaks legacy revisions only; begin with initialize');
}

/** Throttling, because nothing was passed on, and it may be sent again. */
export function refuseBusy(response: ServerResponse, idText: string | undefined, message: string): void {
  sendError(response, 429, idText, { code: JSON_RPC.internalError, message }, { 'retry-after': '1' });
}

export function refuseWithout(reason: NoChild, response: ServerResponse, idText: string): void {
  switch (reason.kind) {
    case 'not-started': {
      const message = `The command of this upstream cannot be started (${reason.code})`;
      return refuse(response, 502, idText, JSON_RPC.internalError, message);
    }
    case 'all-taken':
      return refuseBusy(response, idText, 'As many processes of this upstream as there may be are in use');
    case 'closed':
      return refuse(response, 503, idText, JSON_RPC.internalError, 'The gateway is ending');
  }
}
