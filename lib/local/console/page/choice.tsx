import type { ComponentChildren } from 'preact';

interface ChoiceProps {
  readonly label: string;
  /** Null for any. */
  readonly value: string | null;
  readonly onChange: (value: string | null) => void;
  /** Options; that of `any` is there already. */
  readonly children: ComponentChildren;
}

/** The value of `any`: an option's text would be taken for its value otherwise, and a tool may have any name. */
const ANY = '';

export function Choice({ label, value, onChange, children }: ChoiceProps) {
  return (
    <label>
      <span>{label}</span>
      <select
        value={value === null ? ANY : `=${value}`}
        onChange={({ currentTarget: { value } }) => onChange(value === ANY ? null : value.slice(1))}
      >
        <option value={ANY}>any</option>
        {children}
      </select>
    </label>
  );
}

export function ChoiceOption({ value, text = value }: { readonly value: string; readonly text?: string }) {
  return <option value={`=${value}`}>{text}</option>;
}
