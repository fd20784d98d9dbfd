/** The members of the configuration file that have members of their own. */
import * as z from 'zod';

const name = z.string().min(1).max(64);
const patterns = z.array(z.string().max(512)).max(256);
const seconds = z.int().min(1);
const amount = z.string().regex(/^[A-Z]{3}:(0|[1-9]\d*)(\.\d+)?$/, 'must be an amount such as "USD:0.30"');

export const limits = z.strictObject({
  calls: z.int().min(0).optional(),
  calls_per_minute: z.int().min(0).optional(),
});

/** A scope that something else is intersected with. */
export const ceiling = z.strictObject({
  permissions: z.record(z.string().max(128), patterns),
  limits: limits.optional(),
  argument_rules: z
    .array(z.strictObject({ tool: z.string().max(512), arguments: z.record(z.string(), z.unknown()) }))
    .optional(),
});

const process = {
  command: z.string().min(1),
  args: z.array(z.string()).optional(),
  env: z.record(z.string(), z.string()).optional(),
  cwd: z.string().min(1).optional(),
};

const timeout = z.int().min(1).max(86_400_000).default(60_000);

const upstream = z.union([
  z.strictObject({ type: z.literal('stdio').optional(), ...process, timeout }),
  z.strictObject({
    type: z.enum(['http', 'streamable-http']).optional(),
    url: z.url({ protocol: /^https?$/ }),
    headers: z.record(z.string(), z.string()).optional(),
    timeout,
  }),
]);
export const upstreams = z.record(name, upstream);

const agentOptions = { default: z.boolean().optional(), max_runtime_seconds: seconds.optional() };
export const agents = z.record(
  z.string().min(1).max(128),
  z.union([
    z.strictObject({ ...process, ...agentOptions }),
    z.strictObject({ remote: z.literal(true), ...agentOptions }),
  ]),
);

export const measure = z.record(
  name,
  z.strictObject({ paths: z.array(z.string().min(1)).optional(), pins: z.record(name, z.string()).optional() }),
);

const touched = z.enum(['fs.read', 'fs.write', 'net.fetch']);
const toolMap = z.record(name, z.record(z.string().startsWith('/'), z.union([touched, z.array(touched).min(1)])));
export const maps = z.record(name, z.union([z.string().min(1), toolMap]));

export const prices = z.record(
  z.string().min(1).max(512),
  z.union([
    z.strictObject({ per_call: amount }),
    z.strictObject({ per_kib: amount }),
    z.strictObject({ result: z.string().startsWith('/'), currency: z.string().regex(/^[A-Z]{3}$/), reserve: amount }),
  ]),
);
