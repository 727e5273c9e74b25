/** Tables of figures as text. */

/** Rows, the head first, set in columns. @param rows of equal lengths */
export function tableLines(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map((row) =>
    row.map((text, i) => (i === 0 ? text.padEnd(widths[i]) : text.padStart(widths[i]))).join('  '),
  );
}

/** Of a program that was asked for and is not there. */
export function missingPeerLine(name: string, tip: string): string {
  return `${name}: not here, so not timed. ${tip}`;
}
