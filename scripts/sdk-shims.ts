/**
 * What the MCP packages ask of their surroundings (`_shims`), without the JSON Schema validator that theirs brings: 300 kB
 * that every start would read, while client and server are given validators of their own, see `src/edge/mcp/server.ts`.
 */
export { default as process } from 'node:process';

/** Whether a failed `fetch` may have been refused by a browser. */
export const CORS_IS_POSSIBLE = false;

export class DefaultJsonSchemaValidator {
  getValidator(): never {
    throw new Error('no JSON Schema validator was built in: name one');
  }
}
