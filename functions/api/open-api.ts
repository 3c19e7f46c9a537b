import { z } from 'zod';
import { problemSchema, problemType } from '../../shared/base/problem.ts';
import { route, type Route } from './route.ts';

type Json = z.infer<ReturnType<typeof z.json>>;
type JsonObject = { [key: string]: Json };

const titles = {
  status: 'Converge: how environments stand, by Git and what is remembered of them',
  inspect: 'Converge: what is in the cluster of an environment, for people',
  act: 'Converge: what people do on purpose',
} as const;

export type DescribedFunction = keyof typeof titles;

/** What any call may be answered instead; what a route adds to it stands in its row. */
const problemsOfAll = [400, 401, 403, 404, 405, 429, 500, 503];

const jsonObject = z.record(z.string(), z.json());

/** Readers are promised that keys may come. */
function opened({ jsonSchema }: { jsonSchema: z.core.JSONSchema.BaseSchema }): void {
  if (jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties;
}

/** The OpenAPI document of a function, from the table that its calls are answered by. https://spec.openapis.org/oas/v3.1.1 */
export function openApiOf({ stage, routes }: { stage: DescribedFunction; routes: readonly Route[] }): JsonObject {
  const names = namesOf(routes);
  const registry = z.registry<{ id: string }>();
  for (const [schema, id] of names) registry.add(schema, { id });
  const uri = (id: string): string => `#/components/schemas/${id}`;
  const schemas = componentsOf(z.toJSONSchema(registry, { uri, override: opened }).schemas);
  return {
    openapi: '3.1.1',
    info: { title: titles[stage], version: '1' },
    security: [{ idToken: [] }],
    paths: Object.fromEntries(
      [...Map.groupBy(routes, ({ path }) => path)].map(([path, of]) => [
        path,
        Object.fromEntries(
          of.map((one) => [one.method.toLowerCase(), operationOf(one, uri(names.get(one.answer) ?? ''))]),
        ),
      ]),
    ),
    components: {
      schemas,
      responses: {
        Problem: {
          description: 'What went wrong, as RFC 9457 has it',
          content: { [problemType]: { schema: { $ref: uri('Problem') } } },
        },
      },
      securitySchemes: { idToken: { type: 'http', scheme: 'bearer', bearerFormat: 'OpenID Connect ID token' } },
    },
  };
}

/** Zod puts what is made of itself (a JSON value) into a document of its own, which is none here. */
function componentsOf(schemas: Readonly<Record<string, object>>): JsonObject {
  const { __shared: shared, ...named } = jsonObject.parse(
    JSON.parse(JSON.stringify(schemas).replaceAll('__shared#/$defs/', 'Shared.')),
  );
  const { $defs = {} } = jsonObject.parse(shared ?? {});
  const own = Object.entries(jsonObject.parse($defs)).map(([id, schema]) => [`Shared.${id}`, schema] as const);
  return Object.fromEntries(
    [...Object.entries(named), ...own].map(([id, schema]) => {
      const { $schema: _dialect, $id: _id, ...component } = jsonObject.parse(schema);
      return [id, component];
    }),
  );
}

function namesOf(routes: readonly Route[]): Map<z.ZodType, string> {
  const names = new Map<z.ZodType, string>([[problemSchema, 'Problem']]);
  const name = (schema: z.ZodType | undefined, id: string): void => {
    if (schema !== undefined && !names.has(schema)) names.set(schema, `${id.slice(0, 1).toUpperCase()}${id.slice(1)}`);
  };
  for (const { answer, name: id } of routes) name(answer, id);
  for (const { entry, name: id } of routes) name(entry, `${id}Entry`);
  return names;
}

function operationOf(
  { name, path, summary, method, query, body, headers = {}, entry, problems }: Route,
  answer: string,
): JsonObject {
  const etag = { description: 'For `If-None-Match`: 304 while it is so', schema: { type: 'string' } };
  const link = { description: 'The page after, `rel="next"`; absent: there is none', schema: { type: 'string' } };
  const isRead = method === 'GET';
  const statuses = [...new Set([...problemsOfAll, ...problems])].sort((a, b) => a - b);
  return {
    operationId: name,
    summary,
    parameters: [...pathParametersOf(path), ...queryParametersOf(query), ...headerParametersOf(headers)],
    ...(body === undefined ? {} : { requestBody: requestBodyOf(body) }),
    responses: {
      200: {
        description: summary,
        ...(isRead ? { headers: { ETag: etag, ...(entry === undefined ? {} : { Link: link }) } } : {}),
        content: { 'application/json': { schema: { $ref: answer } } },
      },
      ...(isRead ? { 304: { description: 'It is as the ETag of `If-None-Match` says' } } : {}),
      ...Object.fromEntries(statuses.map((status) => [status, { $ref: '#/components/responses/Problem' }])),
    },
  };
}

/** As it is sent: what has a default may be left out. */
function requestBodyOf(body: z.ZodType): JsonObject {
  const { $schema: _dialect, ...schema } = jsonObject.parse(z.toJSONSchema(body, { io: 'input', override: opened }));
  return { required: true, content: { 'application/json': { schema } } };
}

function headerParametersOf(headers: Readonly<Record<string, string>>): Json[] {
  return Object.entries(headers).map(([name, description]) => ({
    ...{ name, in: 'header', required: false, description },
    schema: { type: 'string' },
  }));
}

function pathParametersOf(path: string): Json[] {
  return [...path.matchAll(/\{([^}]*)\}/g)].map(([, name = '']) => ({
    ...{ name, in: 'path', required: true },
    schema: { type: 'string' },
  }));
}

function queryParametersOf(query: z.ZodObject): Json[] {
  const { properties = {}, required = [] } = z.toJSONSchema(query, { io: 'input' });
  return Object.entries(properties).map(([name, property]) => {
    const { description = '', ...schema } = jsonObject.parse(property);
    return { name, in: 'query', required: required.includes(name), description, schema };
  });
}

const documentSchema = z.looseObject({ openapi: z.string(), paths: z.looseObject({}), components: z.looseObject({}) });

/** `GET /v1/openapi.json`: the document, with this route in it. */
export function openApiRoute({ stage, routes }: { stage: DescribedFunction; routes: readonly Route[] }): Route {
  const own: Route = route({
    name: 'openApi',
    path: '/v1/openapi.json',
    summary: 'This document',
    query: z.strictObject({}),
    answer: documentSchema,
    handle: async () => documentSchema.parse(openApiOf({ stage, routes: [...routes, own] })),
  });
  return own;
}
