import type { TraceSpan } from '../feed.ts';

/** What spans have been marked with, below the waterfall, whose rows stay short this way. */
export function Annotations({ spans }: { readonly spans: readonly TraceSpan[] }) {
  const marked = spans.filter(({ annotations }) => Object.keys(annotations).length > 0);
  if (marked.length === 0) return null;
  return (
    <>
      <h3>Annotations</h3>
      <dl class="annotations">
        {marked.map(({ id, name, annotations }) => (
          <div key={id}>
            <dt>{name}</dt>
            {Object.entries(annotations).map(([key, value]) => (
              <dd key={key}>
                <span class="aside">{key}</span> {String(value)}
              </dd>
            ))}
          </div>
        ))}
      </dl>
    </>
  );
}
