import { useMemo } from 'preact/hooks';
import type { Trace } from '../feed.ts';
import { waterfallOf } from '../waterfall.ts';
import { Annotations } from './annotations.tsx';
import { counted, milliseconds } from './format.ts';
import type { ConsoleState } from './state.ts';
import { useTrace } from './use-trace.ts';
import { WaterfallChart } from './waterfall-chart.tsx';

interface TraceViewProps {
  readonly traceId: string;
  readonly state: ConsoleState;
}

export function TraceView({ traceId, state }: TraceViewProps) {
  const known = useTrace(traceId, state);
  const trace = known.kind === 'there' ? known.trace : null;
  // The same element is not rendered again, whatever else the page hears.
  const spans = useMemo(() => trace && <KnownSpans trace={trace} />, [trace]);
  switch (known.kind) {
    case 'asking':
      return <p class="empty">Asking for the trace.</p>;
    case 'absent':
      return (
        <p class="empty">
          Nothing of this trace is kept: the request was not traced, or its trace is yet to come, or gone.
        </p>
      );
    case 'failed':
      return <p class="empty trouble">The trace could not be had: {known.reason}</p>;
    case 'there':
      return spans;
  }
}

function KnownSpans({ trace }: { readonly trace: Trace }) {
  const underWay = trace.spans.filter(({ endedAt }) => endedAt === null).length;
  const waterfall = waterfallOf(trace);
  const { gatewayMs, upstreamMs, totalMs } = waterfall.totals;
  return (
    <>
      <p class="legend">
        <span>
          <span class="swatch gateway" aria-hidden="true" /> gateway {milliseconds(gatewayMs)} ms
        </span>
        <span>
          <span class="swatch upstream" aria-hidden="true" /> upstream {milliseconds(upstreamMs)} ms
        </span>
        <span>total {milliseconds(totalMs)} ms</span>
        {underWay > 0 && <strong>Still under way: {counted(underWay, 'span')} without an end.</strong>}
      </p>
      <WaterfallChart waterfall={waterfall} />
      <Annotations spans={waterfall.rows.map(({ span }) => span)} />
    </>
  );
}
