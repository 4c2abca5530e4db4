// Numbers as people read them; the same forms as in the report that a run leaves.

export function size(bytes: number): string {
  for (const [unit, scale] of [
    ['GB', 1e9],
    ['MB', 1e6],
  ] as const)
    if (bytes >= 0.9995 * scale) return `${digits(bytes / scale)} ${unit}`;
  return `${digits(bytes / 1e3)} kB`;
}

/** Three digits, and whole numbers from 100. */
export function number(value: number): string {
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size >= 100) return Math.round(value).toLocaleString('en');
  return size < 1e-3 ? value.toExponential(2).replace(/\.?0+e/, 'e') : digits(value);
}

export const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

/** Three digits, without zeros at the end that say nothing. */
const digits = (value: number): string => {
  const text = value.toPrecision(3);
  return text.includes('e') ? String(Number(text)) : text.includes('.') ? text.replace(/\.?0+$/, '') : text;
};

/** The time in a run's id, which tells runs of one config from each other. */
export function timeOf(runId: string): string {
  const [, month, day, hour, minute] = /^\d{4}(\d\d)(\d\d)-(\d\d)(\d\d)/.exec(runId) ?? [];
  return month ? `${month}-${day} ${hour}:${minute}` : '';
}
