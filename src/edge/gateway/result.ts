/** What an upstream's answers must be, so that passing them on unchanged harms nobody. */
import { canonicalize, type Json } from '../../base/canonical.ts';
import type { ToolDefinition, ToolResult } from '../mcp/session.ts';
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

/**
 * `undefined` for something in a list of tools that is none, or that has no canonical form. One such tool makes a client
 * refuse the whole list, with the tools of everybody else in it.
 */
export function asTool(item: Json): ToolDefinition | undefined {
  if (!isObject(item) || typeof item.name !== 'string' || item.name === '' || !isSchema(item.inputSchema))
    return undefined;
  const { title, description, outputSchema, annotations, _meta, icons, execution } = item;
  const sound =
    isTextOrNone(title) &&
    isTextOrNone(description) &&
    (outputSchema === undefined || isSchema(outputSchema)) &&
    [annotations, _meta, execution].every((member) => member === undefined || isObject(member)) &&
    (icons === undefined || (isList(icons) && icons.every((icon) => isObject(icon) && typeof icon.src === 'string')));
  // A cast: what else it holds is passed on as it is.
  return sound && hasCanonicalForm(item) ? (item as unknown as ToolDefinition) : undefined;
}

/** The same of a list of prompts, resources or templates, all of which have such names. */
export function isListable(item: JsonObject, ...names: readonly string[]): boolean {
  const isArgument = (argument: Json) => isObject(argument) && typeof argument.name === 'string';
  return (
    names.every((name) => typeof item[name] === 'string') &&
    isTextOrNone(item.title) &&
    isTextOrNone(item.description) &&
    isTextOrNone(item.mimeType) &&
    (item.arguments === undefined || (isList(item.arguments) && item.arguments.every(isArgument)))
  );
}

function isSchema(value: Json | undefined): boolean {
  if (!isObject(value) || value.type !== 'object') return false;
  const { properties, required } = value;
  return (
    (properties === undefined || (isObject(properties) && Object.values(properties).every(isSubschema))) &&
    (required === undefined || (isList(required) && required.every((name) => typeof name === 'string')))
  );
}

/** Clients of the earlier line do not know that a schema may be `true`. */
const isSubschema = (value: Json): boolean => typeof value === 'object' && value !== null;
const isTextOrNone = (value: Json | undefined): boolean => value === undefined || typeof value === 'string';

function hasCanonicalForm(item: Json): boolean {
  try {
    canonicalize(item);
    return true;
  } catch {
    return false;
  }
}

/** Whether a value is no deeper than a client of ours, or `JSON.stringify`, can bear. */
export function isShallow(value: Json, depth = 0): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (depth === MAX_DEPTH) return false;
  const members: readonly Json[] = isList(value) ? value : Object.values(value);
  return members.every((member) => isShallow(member, depth + 1));
}
