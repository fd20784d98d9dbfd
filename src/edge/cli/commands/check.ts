import { checkPermission } from '../../../tools/check-permission.ts';
import { type Command, short } from '../command.ts';
import { plain, sheet } from '../terminal.ts';

export const check: Command = {
  name: 'check',
  group: 'Look:',
  looks: true,
  summary: 'Ask whether an artifact permits one act now; exit 1 when it does not',
  tool: checkPermission,
  examples: [
    ['check --artifact-hash HASH --capability tool.call --resource fs/read_file', 'May it call this tool?'],
    ['check --artifact-hash HASH --capability fs.write --resource /ws/report.md', 'May it write this file?'],
  ],
  async run(desk, { input }) {
    const answer = await (await desk.open()).call(checkPermission, input);
    return {
      answer,
      failed: !answer.allowed,
      text({ paint }) {
        const { allowed, code, reason, refused_by: by, nearest_allowed: nearest } = answer;
        const head = allowed ? paint('green', '✓ allowed') : paint('red', `✕ ${code ?? 'refused'}`);
        const rows: [string, string][] = [
          ['why', plain(reason)],
          ['refused by', by ? `${plain(by.subject)} ${short(by.artifact_hash)} (depth ${by.depth})` : ''],
          ['it permits', nearest ? nearest.map(plain).join('  ') : ''],
        ];
        return `${head}\n${sheet(rows, paint)}`;
      },
    };
  },
};
