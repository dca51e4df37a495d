interface Times {
  readonly gatewayMs: number;
  readonly upstreamMs: number;
}

/**
 * Time in two parts, told apart by colour and by pattern. Its length is relative to `--scale` of whatever it is in; what is
 * longer than that fills it. The figures are said beside it.
 */
export function SplitBar({ gatewayMs, upstreamMs }: Times) {
  return (
    <span class="bar" aria-hidden="true" style={{ '--gateway-ms': gatewayMs, '--upstream-ms': upstreamMs }}>
      <span class="gateway" />
      <span class="upstream" />
    </span>
  );
}
