import type { ActionLine } from '../feed.ts';

/** All there is in the log line, as it stands there. */
export function Fields({ line }: { readonly line: ActionLine }) {
  return (
    <dl class="fields">
      {Object.entries(line).map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd class={value === null ? 'null' : ''}>{String(value)}</dd>
        </div>
      ))}
    </dl>
  );
}
