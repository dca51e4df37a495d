/** Items of lists, between the eras: only tools are written differently. */
import type { Era } from '../era.ts';
import type { ListMember } from '../methods.ts';
import { toolToLegacy, toolToModern } from './tool.ts';

/** The item of a list as a client of the other era gets it; undefined for one that it could not use. */
export function listItemToClient(member: ListMember, text: string, upstreamEra: Era, era: Era): string | undefined {
  if (member !== 'tools' || upstreamEra === era) return text;
  return era === 'modern' ? toolToModern(text) : toolToLegacy(text);
}
