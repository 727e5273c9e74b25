/** What the colours, line styles and fillings mean. */
import { markup } from './markup.ts';
import type { Markup } from './markup.ts';
import type { Role } from './plots.ts';

const NAMES: Readonly<Record<Role, string>> = {
  truth: 'True movement',
  candidate: 'New decoder',
  inService: 'Decoder in service',
  baseline: 'Ridge baseline',
};

export function barKey(): Markup {
  return key(
    ['candidate', 'inService', 'baseline'],
    (role) => markup`<rect class="bar ${role}" x="4" y="2" width="36" height="12"/>`,
  );
}

export function lineKey(roles: readonly Role[]): Markup {
  return key(roles, (role) => markup`<polyline class="line ${role}" points="1,8 43,8"/>`);
}

function key(roles: readonly Role[], sample: (role: Role) => Markup): Markup {
  return markup`<ul class="key">${roles.map(
    (role) =>
      markup`<li><svg viewBox="0 0 44 16" aria-hidden="true">${sample(role)}</svg>${NAMES[role]}</li>`,
  )}</ul>`;
}
