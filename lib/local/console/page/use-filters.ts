import { useEffect, useState } from 'preact/hooks';
import { fromFragment, toFragment, type Filters } from './filters.ts';

/** The filters as they stand in the address, where a reload finds them and an edit of the address changes them. */
export function useFilters(): readonly [Filters, (changed: Partial<Filters>) => void] {
  const [filters, show] = useState(() => fromFragment(location.hash));
  useEffect(() => {
    const read = () => show(fromFragment(location.hash));
    addEventListener('hashchange', read);
    return () => removeEventListener('hashchange', read);
  }, []);
  const change = (changed: Partial<Filters>) => {
    const next = { ...filters, ...changed };
    const fragment = toFragment(next);
    history.replaceState(null, '', fragment === '' ? location.pathname : `#${fragment}`);
    show(next);
  };
  return [filters, change];
}
