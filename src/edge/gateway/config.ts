/** The parts of the configuration that the gateway lives by: `upstreams`, in the shape of `mcpServers`, and `maps`. */
import { isAbsolute } from 'node:path';
import * as z from 'zod';
import { pointerFault } from './pointer.ts';
import { SHIPPED } from './shipped-maps.ts';

/** No `_` but between two others: so the first `__` of `<server>__<tool>` ends it. Leaves half of a tool's name to the tool. */
export const SERVER_NAME = /^(?=.{1,32}$)[a-zA-Z0-9-]+(?:_[a-zA-Z0-9-]+)*$/;

const serverName = z
  .string()
  .regex(SERVER_NAME, 'must be 1 to 32 of a-z, A-Z, 0-9, "-" and "_", and no "_" beside another or at an end');
/** Milliseconds that one call, and the start, may take. */
const timeout = z.int().min(1).max(86_400_000).default(60_000);

const stdio = z.strictObject({
  type: z.literal('stdio').optional(),
  command: z.string().min(1),
  args: z.array(z.string()).optional(),
  env: z.record(z.string(), z.string()).optional(),
  cwd: z.string().min(1).optional(),
  timeout,
});

// What `fetch` refuses is refused here: its own words, which go to stderr, repeat the secret that it is about.
const http = z.strictObject({
  type: z.enum(['http', 'streamable-http']).optional(),
  url: z.url({ protocol: /^https?$/ }).refine((url) => /^https?:\/\/[^/?#@\\]*(?:[/?#]|$)/i.test(url), {
    message: 'must hold no name and password; they can stand in "headers", as "Authorization"',
  }),
  headers: z.record(z.string(), z.string()).refine(areHeaders, { message: 'must be headers of HTTP' }).optional(),
  timeout,
});

function areHeaders(headers: { readonly [name: string]: string }): boolean {
  try {
    new Headers(headers);
    return true;
  } catch {
    return false;
  }
}

const upstreamSchema = z.union([stdio, http]);
export const upstreamsSchema = z.record(serverName, upstreamSchema);

const touch = z.enum(['fs.read', 'fs.write', 'net.fetch']);
const pointer = z.string().refine((text) => pointerFault(text) === undefined, {
  message: 'must be a JSON pointer into the arguments, such as "/path", or "/paths/*" for every item of a list',
});
const toolMap = z.record(z.string().min(1), z.record(pointer, z.union([touch, z.array(touch).min(1)])));
const shipped = z.string().refine((name) => SHIPPED.has(name), {
  message: `is not a shipped map; there are ${[...SHIPPED.keys()].join(', ')}`,
});

export const mapsSchema = z.record(serverName, z.union([shipped, toolMap]));

/** What there is a way to measure here; other types are recorded as not measured. */
export const MEASURED = ['CONFIG_MANIFEST', 'EXECUTABLE_IMAGE', 'FILE_SYSTEM_STATE'] as const;
const measured = z.string().refine((type) => MEASURED.some((each) => each === type), {
  message: `is not measured here, so it would bind nothing; what is: ${MEASURED.join(', ')}`,
});
const digest = z.string().regex(/^[0-9a-f]{64}$/, 'must be the 64 hex digits of a digest');

// Hosts start this program in any folder: from another one the same name is another place, and would have drifted.
const place = z.string().refine(isAbsolute, { message: 'must be an absolute path' });

export const measureSchema = z.record(
  serverName,
  z.strictObject({
    paths: z.array(place).optional(),
    pins: z.record(measured, digest).optional(),
  }),
);

/** Of one upstream: folders to measure, and digests to expect by type. */
export type MeasureConfig = z.infer<typeof measureSchema>[string];
export type StdioConfig = z.infer<typeof stdio>;
export type HttpConfig = z.infer<typeof http>;
export type UpstreamConfig = z.infer<typeof upstreamSchema>;
export type UpstreamsConfig = z.infer<typeof upstreamsSchema>;
export type MapsConfig = z.infer<typeof mapsSchema>;

export const isStdio = (config: UpstreamConfig): config is StdioConfig => 'command' in config;

/** Maps of upstreams that there are not: somebody who misspells one believes it to bind. */
export const strayMaps = (upstreams: UpstreamsConfig, maps: MapsConfig): readonly string[] =>
  Object.keys(maps).filter((name) => !Object.hasOwn(upstreams, name));
