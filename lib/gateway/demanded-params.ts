/** The headers that a tool's own definition demands of a call, found in the list of its upstream. */
import { itemsOf } from '../catalog/listing.ts';
import { isObject, parseJson } from '../protocol/message.ts';
import { paramHeadersOf } from '../protocol/translation/param-headers.ts';
import { askerOf } from './asker.ts';
import { LISTING_MS, listsOf } from './catalogs.ts';
import type { Errand } from './errand.ts';
import type { ParamHeaders } from './mirrored-params.ts';

/** Undefined when the definition asks for none. */
export async function demandedParams(errand: Errand): Promise<ParamHeaders | undefined> {
  const { visit, scope, call, upstream, targetName, tally } = errand;
  const reader = { work: visit, asker: askerOf(visit, scope), patienceMs: LISTING_MS, tally, toleranceMs: 0 };
  const [list] = await listsOf(reader, [{ upstream, member: 'tools' }]);
  const items = list?.kind === 'listed' ? itemsOf(list.text) : [];
  const tool = items.map((item) => parseJson(item)).find((item) => isObject(item) && item['name'] === targetName);
  const args = call.request.params?.['arguments'];
  const headers = isObject(tool) ? paramHeadersOf(tool['inputSchema'], isObject(args) ? args : undefined) : undefined;
  return headers === undefined || Object.keys(headers).length === 0 ? undefined : headers;
}
