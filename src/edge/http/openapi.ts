/** The interface described for machines (OpenAPI 3.1), from the same schemas that judge the requests. */
import * as z from 'zod';
import { REFUSALS } from '../../base/refusal.ts';
import type { Access } from './authenticate.ts';
import type { Route } from './route.ts';

const refusal = z.strictObject({
  error: z.strictObject({
    code: z.enum(Object.keys(REFUSALS) as [string, ...string[]]), // the table has rows
    message: z.string(),
    hint: z.string(),
    retryable: z.boolean(),
    detail: z.unknown(),
  }),
});

const BEARER = { bearer: [] };
const SECURITY: { readonly [access in Access]: readonly object[] } = {
  anyone: [],
  bearer: [BEARER],
  key: [BEARER, { dpop: [] }],
};

type JsonSchema = { readonly [member: string]: unknown };

export function describe(routes: readonly Route[], version: string): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of routes) {
    const path = route.path.replaceAll(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operationOf(route) };
  }
  return {
    openapi: '3.1.0',
    info: { title: 'aga-delegate', version, description: 'Part of an authority, handed to sub-agents.' },
    paths,
    components: {
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer' },
        dpop: { type: 'apiKey', in: 'header', name: 'DPoP', description: "Proof (RFC 9449) by a holder's key alone" },
      },
      schemas: { Refusal: schemaOf(refusal, 'output') },
    },
  };
}

function operationOf({ path, summary, access, body, query, output, media = [], more }: Route): object {
  const parameters = [...path.matchAll(/:(\w+)/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));
  return {
    summary,
    parameters: [...parameters, ...(query ? queryParameters(schemaOf(query, 'input')) : [])],
    ...(body && { requestBody: { required: true, content: jsonOf(schemaOf(body, 'input')) } }),
    security: SECURITY[access],
    responses: {
      200: { description: 'Done', content: { ...(output && jsonOf(schemaOf(output, 'output'))), ...textsOf(media) } },
      default: { description: 'Refused', content: jsonOf({ $ref: '#/components/schemas/Refusal' }) },
      ...more,
    },
  };
}

function queryParameters({ properties = {} }: JsonSchema): object[] {
  return Object.entries(properties as Record<string, JsonSchema>).map(([name, { description, ...schema }]) => ({
    name,
    in: 'query',
    description,
    schema,
  }));
}

const JSON_TYPE = 'application/json';

const textsOf = (media: readonly string[]): object =>
  Object.fromEntries(media.map((type) => [type, { schema: type === JSON_TYPE ? {} : { type: 'string' } }]));

const jsonOf = (schema: object): object => ({ [JSON_TYPE]: { schema } });

function schemaOf(schema: z.ZodType, io: 'input' | 'output'): JsonSchema {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
  return rest;
}
