import type { Waterfall, WaterfallRow } from '../waterfall.ts';
import { milliseconds } from './format.ts';
import { ticksFor } from './scale.ts';

/** Behind this share of the length there is no room for the words of a tick. */
const LAST_LABEL = 0.94;

/** Spans as a table with a bar in each row: what is upstream has a colour and a pattern of its own, and says so. */
export function WaterfallChart({ waterfall: { rows, lengthMs } }: { readonly waterfall: Waterfall }) {
  // Of a trace that has only begun there is nothing to measure yet.
  const length = Math.max(lengthMs, 0.001);
  const { step, ticks } = ticksFor(length);
  return (
    <table class="waterfall" aria-label="Waterfall of the trace" style={{ '--step': step / length }}>
      <thead>
        <tr>
          <th scope="col">Span</th>
          <th scope="col" class="kind">
            Kind
          </th>
          <th scope="col" class="ms">
            ms
          </th>
          <th scope="col" class="track">
            <span class="unseen">From the beginning, in milliseconds</span>
            {ticks.map((tick) => (
              <span key={tick} class="tick" aria-hidden="true" style={{ left: share(tick, length) }}>
                {tick / length > LAST_LABEL ? '' : tick === 0 ? '0 ms' : tickText(tick, step)}
              </span>
            ))}
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <SpanRow key={row.span.id} row={row} length={length} />
        ))}
      </tbody>
    </table>
  );
}

function SpanRow({ row, length }: { readonly row: WaterfallRow; readonly length: number }) {
  const { span, kind, depth, offsetMs, durationMs, isUnderWay } = row;
  return (
    <tr class={kind}>
      <th scope="row" style={{ '--depth': depth }}>
        {span.name}
        {span.status !== 'ok' && <span class="badge trouble">{span.status}</span>}
      </th>
      <td class="kind">
        <span class={`swatch ${kind}`} aria-hidden="true" /> {kind}
      </td>
      <td class="ms">
        {milliseconds(durationMs)}
        {isUnderWay && '+'}
      </td>
      <td class="track">
        <span
          class={`span ${kind} ${isUnderWay ? 'under-way' : ''}`}
          title={`${span.name}: from ${milliseconds(offsetMs)} ms on, for ${milliseconds(durationMs)} ms`}
          style={{ left: share(offsetMs, length), width: share(durationMs, length) }}
        />
      </td>
    </tr>
  );
}

function share(part: number, whole: number): string {
  return `${(part / whole) * 100}%`;
}

/** With as many digits as tell one tick from the next. */
function tickText(tick: number, step: number): string {
  return tick.toFixed(Math.max(0, -Math.floor(Math.log10(step))));
}
