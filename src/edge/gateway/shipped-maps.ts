/**
 * What the tools of the reference servers touch, by the name of the package.
 *
 * `{}` is a tool that touches neither files nor URLs. A tool that is not named here is refused where the map binds: a
 * later version of the package may bring one that reads files.
 */
export type Touch = 'fs.read' | 'fs.write' | 'net.fetch';
/** JSON pointer into the arguments → what is done to the file or URL there. */
export type Touches = { readonly [pointer: string]: Touch | readonly Touch[] };
export type ServerMap = { readonly [tool: string]: Touches };

const reads: Touches = { '/path': 'fs.read' };
const writes: Touches = { '/path': 'fs.write' };
/** Its answer shows what stood there before. */
const edits: Touches = { '/path': ['fs.read', 'fs.write'] };

const filesystem: ServerMap = {
  read_file: reads,
  read_text_file: reads,
  read_media_file: reads,
  read_multiple_files: { '/paths/*': 'fs.read' },
  write_file: writes,
  edit_file: edits,
  create_directory: writes,
  list_directory: reads,
  list_directory_with_sizes: reads,
  directory_tree: reads,
  // What is moved can be read where it comes to lie.
  move_file: { '/source': ['fs.read', 'fs.write'], '/destination': 'fs.write' },
  search_files: reads,
  get_file_info: reads,
  list_allowed_directories: {},
};

const everything: ServerMap = {
  ...untouching(
    'echo get-annotated-message get-env get-resource-links get-resource-reference get-roots-list ' +
      'get-structured-content get-sum get-tiny-image simulate-research-query toggle-simulated-logging ' +
      'toggle-subscriber-updates trigger-elicitation-request trigger-elicitation-request-async ' +
      'trigger-long-running-operation trigger-sampling-request trigger-sampling-request-async trigger-url-elicitation',
  ),
  'gzip-file-as-resource': { '/data': 'net.fetch' },
};

const looks: Touches = { '/repo_path': 'fs.read' };
const changes: Touches = { '/repo_path': ['fs.read', 'fs.write'] };

const git: ServerMap = {
  git_status: looks,
  git_diff_unstaged: looks,
  git_diff_staged: looks,
  git_diff: looks,
  git_log: looks,
  git_show: looks,
  git_branch: looks,
  git_add: changes,
  git_commit: changes,
  git_reset: changes,
  git_create_branch: changes,
  git_checkout: changes,
  git_init: changes,
};

const memory = untouching(
  'create_entities create_relations add_observations delete_entities delete_observations delete_relations ' +
    'read_graph search_nodes open_nodes',
);

export const SHIPPED: ReadonlyMap<string, ServerMap> = new Map([
  ['@modelcontextprotocol/server-filesystem', filesystem],
  ['@modelcontextprotocol/server-everything', everything],
  ['@modelcontextprotocol/server-memory', memory],
  ['@modelcontextprotocol/server-sequential-thinking', untouching('sequentialthinking')],
  ['mcp-server-fetch', { fetch: { '/url': 'net.fetch' } }],
  ['mcp-server-git', git],
  ['mcp-server-time', untouching('get_current_time convert_time')],
]);

function untouching(tools: string): ServerMap {
  return Object.fromEntries(tools.split(' ').map((tool) => [tool, {}]));
}
