/** What a host is shown of the answer to its question; the only place that knows hosts by name. */

/**
 * Gemini CLI (0.61) takes the JSON text of every result for its structured content, that of a refusal too, holds it
 * against the tool's output schema, and shows its model what is missing there instead of the refusal. Without a schema
 * it shows what we said.
 */
const HOLDS_REFUSALS_AGAINST_SCHEMAS: ReadonlySet<string> = new Set(['gemini-cli-mcp-client']);

export function shownTo(host: string | undefined, result: object): object {
  if (host === undefined || !HOLDS_REFUSALS_AGAINST_SCHEMAS.has(host)) return result;
  if (!('tools' in result) || !Array.isArray(result.tools)) return result;
  return { ...result, tools: result.tools.map(({ outputSchema: _, ...tool }) => tool) };
}
