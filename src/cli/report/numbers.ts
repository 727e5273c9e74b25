/** Numbers as the report writes them. */

/** A minus sign that screen readers say, and no '-0.00'. */
export function fixed(value: number | null, digits: number): string {
  if (value === null) return '–';
  if (!Number.isFinite(value)) return 'not a number';
  const text = Math.abs(value).toFixed(digits);
  return value < 0 && Number(text) !== 0 ? `\u2212${text}` : text;
}

export function r2(value: number | null): string {
  return fixed(value, 3);
}

/** As the page writes it. @param text of the verdict, which is printed in terminals too */
export function superscripted(text: string): string {
  return text.replaceAll(/\bR2\b/g, 'R²');
}

/** 'handVelocity': 'hand velocity' */
export function worded(name: string): string {
  return name.replaceAll(/([a-z])([A-Z])/g, '$1 $2').toLowerCase();
}

export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** With its sign. */
export function gain(value: number): string {
  const text = fixed(value, 3);
  return value > 0 && Number(text) !== 0 ? `+${text}` : text;
}

/** '12.0 to 18.0 s' */
export function rangeS(startS: number, endS: number): string {
  return `${fixed(startS, 1)} to ${fixed(endS, 1)} s`;
}

/** '1 block', '3 blocks' */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** Of a tick: as short as it can be. */
export function tickText(value: number): string {
  return String(value).replace('-', '\u2212');
}

/** 'a, b and c' */
export function listed(words: readonly string[]): string {
  const last = words.at(-1) ?? '';
  return words.length < 2 ? last : `${words.slice(0, -1).join(', ')} and ${last}`;
}
