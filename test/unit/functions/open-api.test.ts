import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { openApiOf, openApiRoute } from '../../../functions/api/open-api.ts';
import { actRoutes } from '../../../functions/api/act-routes.ts';
import { inspectRoutes } from '../../../functions/api/inspect-routes.ts';
import { statusRoutes } from '../../../functions/api/status-routes.ts';
import { contracts, exampleOf } from '../../contracts.ts';

/*
 * The OpenAPI documents are made from the tables of routes: vitest run --project unit test/unit/functions/open-api.test.ts -u
 * writes them anew. A difference is a change of a contract: docs/contracts/operations.md changes with it.
 */
const docs = join(import.meta.dirname, '..', '..', '..', 'docs');
const tables = [
  { stage: 'status', routes: statusRoutes },
  { stage: 'inspect', routes: inspectRoutes },
  { stage: 'act', routes: actRoutes },
] as const;

describe.each(tables)('the OpenAPI document of $stage', ({ stage, routes }) => {
  const all = [...routes, openApiRoute({ stage, routes })];
  const document = openApiOf({ stage, routes: all });

  it('is what the code says', async () => {
    await expect(`${JSON.stringify(document, null, 2)}\n`).toMatchFileSnapshot(join(docs, 'api', `${stage}.json`));
  });

  it('is what the function answers', async () => {
    const own = all.at(-1);
    const call = { path: {}, query: {}, caller: { kind: 'anybody' as const } };
    const json = async (): Promise<never> => Promise.reject(new Error('nothing is posted'));
    expect(await own?.respond({ ...call, header: () => undefined, json })).toMatchObject({
      status: 200,
      body: document,
    });
  });

  it('has no reference that leads nowhere, and takes keys that come', () => {
    const text = JSON.stringify(document);
    expect(JSON.stringify(document['components'])).not.toContain('"additionalProperties":false');
    for (const [, ref = ''] of text.matchAll(/"\$ref":"#\/([^"]*)"/g)) {
      let at: unknown = document;
      for (const part of ref.split('/')) at = Object.entries(at ?? {}).find(([key]) => key === part)?.[1];
      expect(at, ref).toBeDefined();
    }
  });

  it.each(all)('has a row of $method $path in the contracts', ({ method, path }) => {
    expect(contracts).toContain(`\`${stage}\`: \`${method} ${path.replaceAll('{', '<').replaceAll('}', '>')}`);
  });
});

describe('what is asked of act', () => {
  const properties = z.record(
    z.string(),
    z.looseObject({ description: z.string().optional(), const: z.string().optional() }),
  );
  const json = z.object({ schema: z.object({ oneOf: z.array(z.object({ properties })) }) });
  const post = z.object({ requestBody: z.object({ content: z.object({ 'application/json': json }) }) });
  const document = openApiOf({ stage: 'act', routes: actRoutes });
  const { paths } = z.object({ paths: z.object({ '/v1/actions': z.object({ post }) }) }).parse(document);
  const actions = paths['/v1/actions'].post.requestBody.content['application/json'].schema.oneOf;

  it.each(actions.map((action) => [action.properties['action']?.const, action.properties] as const))(
    'is said of %s, key by key',
    (_name, { action: _action, ...keys }) => {
      const silent = Object.entries(keys).filter(([, { description = '' }]) => description === '');
      expect(silent.map(([key]) => key)).toEqual([]);
    },
  );
});

it.each([
  ['incidents', 'Incidents'],
  ['events-page', 'Events'],
  ['problem', 'Problem'],
])('the example %s of the contracts is one of what is answered', (name, schema) => {
  const { components } = openApiOf({ stage: 'status', routes: statusRoutes });
  const $ref = `#/components/schemas/${schema}`;
  const validate = new Ajv2020({ strict: false, validateFormats: false }).compile({ $ref, components });
  const example = z.record(z.string(), z.json()).parse(JSON.parse(exampleOf(`json ${name}`)));
  expect(validate(example), JSON.stringify(validate.errors)).toBe(true);
  expect(validate({ ...example, [Object.keys(example)[0] ?? '']: 1 })).toBe(false);
});
