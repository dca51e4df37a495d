import type { ActionLine } from '../feed.ts';
import { counted } from './format.ts';
import { Choice, ChoiceOption } from './choice.tsx';
import { choicesOf, isAny, NO_FILTERS, TROUBLE, type Filters } from './filters.ts';

interface FilterBarProps {
  /** All of the list, which is what can be chosen from. */
  readonly lines: readonly ActionLine[];
  readonly filters: Filters;
  /** How many of the list are shown. */
  readonly shown: number;
  readonly onChange: (changed: Partial<Filters>) => void;
  readonly isHeld: boolean;
  /** How many actions have come since the list was told to hold still. */
  readonly waiting: number;
  readonly onHold: () => void;
}

export function FilterBar({ lines, filters, shown, onChange, isHeld, waiting, onHold }: FilterBarProps) {
  const options = (name: keyof Filters) =>
    choicesOf(lines, filters, name).map((choice) => <ChoiceOption key={choice} value={choice} />);
  return (
    <form class="filters" role="search" aria-label="Filters" onSubmit={(event) => event.preventDefault()}>
      <ToolChoice lines={lines} filters={filters} onChange={onChange} />
      <Choice label="Outcome" value={filters.outcome} onChange={(outcome) => onChange({ outcome })}>
        <ChoiceOption value={TROUBLE} text="anything but ok" />
        {options('outcome')}
      </Choice>
      <Choice label="Upstream" value={filters.upstream} onChange={(upstream) => onChange({ upstream })}>
        {options('upstream')}
      </Choice>
      <Choice label="Session" value={filters.session} onChange={(session) => onChange({ session })}>
        {options('session')}
      </Choice>
      <button type="button" disabled={!isAny(filters)} onClick={() => onChange(NO_FILTERS)}>
        Clear
      </button>
      <button type="button" class="hold" aria-pressed={isHeld} onClick={onHold}>
        {isHeld ? `Held, ${waiting} new` : 'Hold the list still'}
      </button>
      <p class="count">
        {shown === lines.length ? counted(shown, 'action') : `${shown} of ${counted(lines.length, 'action')}`}
      </p>
    </form>
  );
}

/** What a call was for, or how it was made: one is chosen, and the other is any. */
function ToolChoice({ lines, filters, onChange }: Pick<FilterBarProps, 'lines' | 'filters' | 'onChange'>) {
  const { tool, method } = filters;
  const value = tool === null ? (method === null ? null : `method ${method}`) : `tool ${tool}`;
  const change = (value: string | null) => {
    const [, kind, name = null] = /^(tool|method) (.*)$/su.exec(value ?? '') ?? [];
    onChange({ tool: kind === 'tool' ? name : null, method: kind === 'method' ? name : null });
  };
  return (
    <Choice label="Tool or method" value={value} onChange={change}>
      <optgroup label="Tools and prompts">
        {choicesOf(lines, filters, 'tool').map((name) => (
          <ChoiceOption key={name} value={`tool ${name}`} text={name} />
        ))}
      </optgroup>
      <optgroup label="Methods">
        {choicesOf(lines, filters, 'method').map((name) => (
          <ChoiceOption key={name} value={`method ${name}`} text={name} />
        ))}
      </optgroup>
    </Choice>
  );
}
