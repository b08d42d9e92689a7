/** Tables: with borders for people at a terminal, in plain aligned columns for everything else. */
import Table from 'cli-table3';
import type { Terminal } from './terminal.ts';

export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
}

const PLAIN_CHARS = Object.fromEntries(
  ['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right'].map((name) => [name, '']),
);

/** A table as text, without a line end. Cells are shown as they are; control characters in them are not. */
export function renderTable(terminal: Pick<Terminal, 'isTty'>, columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const plain = {
    chars: { ...PLAIN_CHARS, left: '', 'left-mid': '', mid: '', 'mid-mid': '', right: '', 'right-mid': '', middle: '  ' },
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  };
  const bordered = { style: { head: [], border: [], compact: true } };
  const table = new Table({
    head: columns.map((column) => column.title),
    colAligns: columns.map((column) => column.align ?? 'left'),
    ...(terminal.isTty ? bordered : plain),
  });
  table.push(...rows.map((row) => row.map(printable)));
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

/** A text that cannot move the cursor, colour the terminal, turn the order of letters or hide some: what would shows as a question mark. */
export function printable(text: string): string {
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g, '?');
}
