/** HTML text that is put together safely: whatever is not markup already is escaped. */

/** Text that is HTML already: made by `markup`, or by hand where it is our own. Never made of what comes from outside. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

export type MarkupValue = Markup | string | number | readonly Markup[];

/** The template with its values: markup as it is, text and numbers escaped. */
export function markup(template: TemplateStringsArray, ...values: readonly MarkupValue[]): Markup {
  return new Markup(template.reduce((text, part, i) => text + render(values[i - 1]) + part));
}

function render(value: MarkupValue): string {
  if (value instanceof Markup) return value.text;
  if (typeof value === 'string') return escapeText(value);
  if (typeof value === 'number') return String(value);
  return value.map(({ text }) => text).join('\n');
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};
const CONTROL_MAX = 0x1f;
const DELETE = 0x7f;
const C1_MAX = 0x9f;

/** For text and for quoted attributes. HTML has no control characters: they become U+FFFD. */
function escapeText(text: string): string {
  return Array.from(text, (character) => {
    const code = character.charCodeAt(0);
    const isControl =
      (code <= CONTROL_MAX && code !== 9 && code !== 10) || (code >= DELETE && code <= C1_MAX);
    return isControl ? '\ufffd' : (ESCAPES[character] ?? character);
  }).join('');
}
