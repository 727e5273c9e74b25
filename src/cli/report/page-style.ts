/** The page's looks: light and dark by the reader's setting, narrow and wide, on paper. Colours never stand alone. */

/** Contrast with the background, light and dark: text 7:1 at least, lines and bars 4.5:1. */
const LIGHT = `--page: #ffffff; --panel: #f3f5f8; --text: #1b1f24; --faint: #545d68; --rule: #c9d0d9; --grid: #e2e6eb;
--truth: #1b1f24; --candidate: #0a55a8; --inService: #a94a00; --baseline: #5f6670; --focus: #0a55a8;`;
const DARK = `--page: #14171b; --panel: #1f242a; --text: #eceff3; --faint: #b0b8c2; --rule: #4a525c; --grid: #2e343b;
--truth: #f4f6f8; --candidate: #6db3ff; --inService: #ffab5e; --baseline: #a6aeb8; --focus: #6db3ff;`;

export const PAGE_STYLE = `:root { color-scheme: light dark; ${LIGHT} }
@media (prefers-color-scheme: dark) { :root { ${DARK} } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); font: 1rem/1.5 system-ui, sans-serif; }
main { max-width: 76rem; margin: 0 auto; padding: 1rem clamp(0.75rem, 3vw, 2rem) 3rem; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0.5rem 0 0.25rem; overflow-wrap: anywhere; }
h2 { font-size: 1.25rem; margin: 2.5rem 0 0.5rem; padding-top: 0.75rem; border-top: 1px solid var(--rule); }
h3 { font-size: 1.05rem; margin: 1.25rem 0 0.25rem; }
figure :is(h3, h4) { font-size: 1rem; margin: 0 0 0.25rem; }
p, ul { max-width: 46rem; margin: 0.5rem 0; }
.faint { color: var(--faint); }
.verdict { margin: 1rem 0; padding: 0.9rem 1.1rem; background: var(--panel); border: 2px solid var(--text); border-left-width: 0.6rem; border-radius: 0.4rem; }
.verdict p { max-width: none; margin: 0.25rem 0; }
.verdict .answer { font-size: 1.5rem; font-weight: 700; }
.verdict .sentence { font-size: 1.125rem; }
.verdict dl { margin: 0.75rem 0 0; }
.verdict dt { color: var(--text); font-weight: 700; }
.verdict code { display: inline-block; overflow-wrap: anywhere; }
nav ul { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: 0.25rem 1.25rem; max-width: none; }
a { color: var(--candidate); }
:focus-visible { outline: 3px solid var(--focus); outline-offset: 2px; }
.scroll { overflow-x: auto; max-width: 100%; margin: 0.75rem 0; }
/* As high as the plot beside it. */
.long .scroll { max-height: 30rem; overflow-y: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--faint); padding-bottom: 0.25rem; }
th, td { padding: 0.3rem 0.75rem 0.3rem 0; border-bottom: 1px solid var(--rule); vertical-align: top; }
th.text, td.text { text-align: left; white-space: nowrap; }
th.number, td.number { text-align: right; padding-left: 0.75rem; padding-right: 0.25rem; }
tbody th { font-weight: 600; }
.figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 20rem), 1fr)); gap: 1.5rem 2rem; align-items: start; }
.figures.beside { grid-template-columns: repeat(auto-fill, minmax(min(100%, 27rem), 1fr)); }
@media (min-width: 46rem) { .figures.two { grid-template-columns: 1fr 1fr; } }
figure { margin: 0.75rem 0; min-width: 0; max-width: 30rem; }
figcaption { color: var(--faint); font-size: 0.9375rem; }
svg { display: block; width: 100%; height: auto; overflow: visible; }
svg text { font: 12px system-ui, sans-serif; fill: var(--text); paint-order: stroke; stroke: var(--page); stroke-width: 3px; stroke-linejoin: round; }
svg text.strong { font-weight: 600; }
.key { display: flex; flex-wrap: wrap; gap: 0.25rem 1.5rem; list-style: none; padding: 0; max-width: none; }
.key li { display: flex; align-items: center; gap: 0.5rem; }
.key svg { width: 44px; height: 16px; flex: none; }
.grid { stroke: var(--grid); stroke-width: 1; }
.grid.zero { stroke: var(--faint); }
.line { fill: none; stroke-width: 1.75; stroke-linejoin: round; }
.line.truth { stroke: var(--truth); stroke-width: 2.5; opacity: 0.55; }
.line.candidate { stroke: var(--candidate); }
.line.inService { stroke: var(--inService); stroke-dasharray: 5 3; }
.line.baseline { stroke: var(--baseline); stroke-dasharray: 1.5 3; stroke-width: 2; }
.dot.candidate, .end.candidate { fill: var(--candidate); }
.end.truth { fill: var(--truth); }
.end.inService { fill: var(--page); stroke: var(--inService); stroke-width: 2; }
.start { fill: var(--page); stroke: var(--text); stroke-width: 2; }
.bar { stroke-width: 1.5; }
.bar.candidate { fill: var(--candidate); stroke: var(--candidate); }
.bar.inService { fill: url(#stripes); stroke: var(--inService); }
.bar.baseline { fill: none; stroke: var(--baseline); }
.stripes { stroke: var(--inService); stroke-width: 3; }
.same { fill: none; stroke: var(--faint); stroke-width: 1; }
.changed { fill: var(--candidate); stroke: var(--page); stroke-width: 0.75; }
.fell { fill: var(--inService); stroke: var(--page); stroke-width: 0.75; }
.lost { fill: none; stroke: var(--inService); stroke-width: 2.25; }
.equal { stroke: var(--faint); stroke-dasharray: 4 3; fill: none; }
details { margin: 0.5rem 0; }
summary { cursor: pointer; padding: 0.35rem 0; min-height: 1.75rem; }
dl { display: grid; grid-template-columns: minmax(8rem, max-content) 1fr; gap: 0.3rem 1.25rem; margin: 0.75rem 0; }
dt { color: var(--faint); }
dd { margin: 0; overflow-wrap: anywhere; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
@media (max-width: 30rem) { dl { grid-template-columns: 1fr; } dd { margin-bottom: 0.4rem; } }
@media print {
  :root { color-scheme: light; ${LIGHT} }
  body { font-size: 10pt; }
  main { max-width: none; padding: 0; }
  nav, details:not([open]) { display: none; }
  figure, tr, .verdict { break-inside: avoid; }
  h2, h3, h4 { break-after: avoid; }
  .figures, .figures.two, .figures.beside { grid-template-columns: 1fr 1fr; }
  .scroll, .long .scroll { overflow: visible; max-height: none; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}`;
