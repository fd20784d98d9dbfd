/** Permissions as rows of a sheet. */
import { plain } from './terminal.ts';

export function granted(permissions: Readonly<Record<string, readonly string[]>>): [string, string][] {
  const rows = Object.entries(permissions).filter(([, patterns]) => patterns.length > 0);
  if (rows.length === 0) return [['permits', 'nothing']];
  return rows.map(([capability, patterns]) => [plain(capability), patterns.map(plain).join('  ')]);
}
