import { Component } from 'preact';
import type { ActionLine } from '../feed.ts';
import { milliseconds, timeOfDay } from './format.ts';
import { SplitBar } from './split-bar.tsx';

interface RowProps {
  readonly id: string;
  readonly line: ActionLine;
  readonly isSelected: boolean;
  /** Whether the tab key leads to it. */
  readonly isReachable: boolean;
}

/** What has been logged never changes, so of hundreds of rows only those are rendered again that are selected or left. */
export class ActionTableRow extends Component<RowProps> {
  override shouldComponentUpdate({ line, isSelected, isReachable }: RowProps): boolean {
    const shown = this.props;
    return line !== shown.line || isSelected !== shown.isSelected || isReachable !== shown.isReachable;
  }

  override render({ id, line, isSelected, isReachable }: RowProps) {
    return (
      <tr data-key={id} tabIndex={isReachable ? 0 : -1} aria-selected={isSelected}>
        <td class="time">
          <Time time={Date.parse(line.time)} />
        </td>
        <td class="tool" title={line.tool ?? line.method ?? ''}>
          <Subject {...line} />
        </td>
        <td class="upstream-name">{line.upstream ?? <Nothing />}</td>
        <td class="outcome" title={line.errorKind ?? line.outcome}>
          <span class={`outcome-${line.outcome}`}>{line.outcome}</span>
          {line.errorKind !== null && <span class="aside"> {line.errorKind}</span>}
        </td>
        <td class="ms">{milliseconds(line.totalMs)}</td>
        <td class="split">
          <SplitBar gatewayMs={line.gatewayMs} upstreamMs={line.upstreamMs} />
        </td>
        <td class="attempt">
          <Attempts count={line.attempt} />
          {line.replayed && <span class="badge">replayed</span>}
        </td>
        <td class="environment">
          {line.environment}
          {line.cold && <span class="badge cold">cold</span>}
        </td>
      </tr>
    );
  }
}

/** Narrow screens leave the fraction of the second out. */
function Time({ time }: { readonly time: number }) {
  const [seconds, fraction] = timeOfDay(time).split('.');
  return (
    <>
      {seconds}
      <span class="fraction">.{fraction}</span>
    </>
  );
}

/** The name of the tool or prompt, or else the method; a name alone is that of a tool that was called. */
function Subject({ tool, method }: Pick<ActionLine, 'tool' | 'method'>) {
  if (tool === null) return method ?? <Nothing />;
  return (
    <>
      {tool}
      {method !== 'tools/call' && <span class="aside"> {method}</span>}
    </>
  );
}

/** Only more than one is worth a look. */
function Attempts({ count }: { readonly count: number }) {
  if (count === 0) return <Nothing />;
  return count === 1 ? <span class="aside">1</span> : <b>{count}</b>;
}

function Nothing() {
  return <span class="aside">–</span>;
}
