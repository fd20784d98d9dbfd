/** What an upstream's answers must be, so that passing them on unchanged harms nobody. */
import { canonicalize, type Json } from '../../base/canonical.ts';
import type { ToolDefinition, ToolResult } from '../session.ts';
import { isList, isObject, type JsonObject } from './pointer.ts';

/** Containers inside containers, as for everything that is read here. */
const MAX_DEPTH = 64;

/** Members that a content block of a known type must have; a type of tomorrow passes. */
const BLOCKS: { readonly [type: string]: readonly string[] } = {
  text: ['text'],
  image: ['data', 'mimeType'],
  audio: ['data', 'mimeType'],
  resource_link: ['uri', 'name'],
};

/** `undefined` for an answer that is no result of a tool call. */
export function asToolResult(result: JsonObject): ToolResult | undefined {
  const { content, structuredContent, isError, _meta } = result;
  const sound =
    isList(content) &&
    content.every(isBlock) &&
    (structuredContent === undefined || isObject(structuredContent)) &&
    (isError === undefined || typeof isError === 'boolean') &&
    (_meta === undefined || isObject(_meta)) &&
    isShallow(result);
  // A cast: looked at member by member.
  return sound ? (result as unknown as ToolResult) : undefined;
}

function isBlock(block: Json): boolean {
  if (!isObject(block) || typeof block.type !== 'string') return false;
  if (block.type === 'resource') return isObject(block.resource) && typeof block.resource.uri === 'string';
  const needed = Object.hasOwn(BLOCKS, block.type) ? BLOCKS[block.type]! : [];
  return needed.every((member) => typeof block[member] === 'string');
}

/** `undefined` for something in a list of tools that is none, or that has no canonical form. */
export function asTool(item: Json): ToolDefinition | undefined {
  if (!isObject(item) || typeof item.name !== 'string' || item.name === '' || !isObject(item.inputSchema))
    return undefined;
  try {
    canonicalize(item);
  } catch {
    return undefined;
  }
  // A cast: what else it holds is passed on as it is.
  return item as unknown as ToolDefinition;
}

/** Whether a value is no deeper than a client of ours, or `JSON.stringify`, can bear. */
export function isShallow(value: Json, depth = 0): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (depth === MAX_DEPTH) return false;
  const members: readonly Json[] = isList(value) ? value : Object.values(value);
  return members.every((member) => isShallow(member, depth + 1));
}
