/** The parts of the README that the code knows best; `npm run docs` writes them, and a test compares them. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { configSchema } from '../src/config/file.ts';
import { SETTINGS, type Setting } from '../src/config.ts';
import { TOOLS } from '../src/tools/index.ts';

const README = join(import.meta.dirname, '../README.md');

const firstSentence = (text: string): string => `${text.split(/(?<=[.]) /)[0]?.replace(/[.]$/, '')}`;

function toolsTable(): string {
  const rows = TOOLS.map(({ name, description, annotations: { readOnlyHint, destructiveHint } }) => {
    const effect = readOnlyHint ? 'reads' : destructiveHint ? 'writes, cannot be undone' : 'writes';
    return `| \`${name}\` | ${firstSentence(description)} | ${effect} |`;
  });
  return ['| Tool | What it does | Effect |', '|---|---|---|', ...rows].join('\n');
}

/** Settings of the process, then members of the file. */
export function settingsTable(): string {
  const outside = Object.values<Setting>(SETTINGS).map(({ flag, value = '', env, default: without, help }) => [
    flag === undefined ? '' : `\`--${flag} ${value.toUpperCase()}\``,
    `\`${env}\``,
    without,
    help,
  ]);
  const inFile = Object.entries(configSchema.shape).map(([name, schema]) => [
    `\`${name}\``,
    'defaultValue' in schema.def ? `\`${JSON.stringify(schema.def.defaultValue)}\`` : 'none',
    schema.description ?? '',
  ]);
  const first = markdown(['Flag', 'Environment', 'Default', 'Meaning'], outside);
  return `${first}\n\n${markdown(['Member of the file', 'Default', 'Meaning'], inFile)}\n`;
}

function markdown(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

/** Name of the section's markers → what stands between them. */
const SECTIONS: { readonly [name: string]: () => string } = { tools: toolsTable, settings: settingsTable };

/** The README with its generated sections brought up to date. */
export function renewed(text: string): string {
  return Object.entries(SECTIONS).reduce((all, [name, render]) => {
    const marked = new RegExp(`(<!-- ${name} -->\\n)[\\s\\S]*?(<!-- /${name} -->)`);
    if (!marked.test(all)) throw new Error(`the README has no section ${name}`);
    return all.replace(marked, (_, open, close) => `${open}${render().trim()}\n${close}`);
  }, text);
}

export const readme = (): string => readFileSync(README, 'utf8');

if (import.meta.main) writeFileSync(README, renewed(readme()));
