import type { CatalogView } from '../feed.ts';
import { size, span, until } from './format.ts';

/** The kept lists, with their ages. */
export function Catalog({ catalog, now }: { readonly catalog: readonly CatalogView[]; readonly now: number }) {
  if (catalog.length === 0) return <p class="empty">No list is kept yet: the first client that lists fills it.</p>;
  return (
    <table>
      <thead>
        <tr>
          <th scope="col">Upstream</th>
          <th scope="col">List</th>
          <th scope="col" class="number">
            Age
          </th>
          <th scope="col" class="number">
            Fresh
          </th>
          <th scope="col" class="number">
            Size
          </th>
        </tr>
      </thead>
      <tbody>
        {catalog.map((list, index) => (
          // An upstream may have several of a kind.
          <tr key={index}>
            <th scope="row">{list.upstream}</th>
            <td>{list.member}</td>
            <td class="number">{span(now - list.fetchedAt)}</td>
            <td class="number">
              <Freshness list={list} now={now} />
            </td>
            <td class="number">{size(list.bytes)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Freshness({ list: { isStale, freshUntil }, now }: { readonly list: CatalogView; readonly now: number }) {
  if (isStale) return <span class="trouble">stale</span>;
  return freshUntil <= now ? <span class="trouble">no longer</span> : <>{until(freshUntil, now)}</>;
}
