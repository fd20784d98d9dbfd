import { SETTINGS } from '../../../config.ts';
import type { Command } from '../command.ts';
import { launch } from '../launch.ts';
import { usage } from '../usage.ts';

export const run: Command = {
  name: 'run',
  group: 'Delegate:',
  summary: 'Enrol with a token, and run a command as that agent until its authority ends',
  words: 'the command and its arguments; {mcp_config} becomes the path of an MCP configuration',
  examples: [
    ['run --token lt-delegate-… -- ./agent.sh', 'Its environment has AGA_TOKEN, AGA_AGENT_ID and AGA_MCP_CONFIG:'],
    [
      'run --token lt-delegate-… -- claude --strict-mcp-config --mcp-config {mcp_config}',
      'A host with this gateway as its only MCP server:',
    ],
  ],
  async run(desk, { words = [] }) {
    const settings = desk.settings();
    if (settings.token === null) {
      return usage(desk.terminal, `run needs --${SETTINGS.token.flag} or ${SETTINGS.token.env}.`);
    }
    const standing = await (await desk.open()).standing();
    const exit = await launch(words, {
      settings: { ...settings, token: settings.token },
      standing,
      terminal: desk.terminal,
    });
    return { answer: {}, text: () => '', exit };
  },
};
