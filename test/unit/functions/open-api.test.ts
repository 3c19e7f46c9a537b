import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { openApiOf, openApiRoute } from '../../../functions/api/open-api.ts';
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
] as const;

describe.each(tables)('the OpenAPI document of $stage', ({ stage, routes }) => {
  const all = [...routes, openApiRoute({ stage, routes })];
  const document = openApiOf({ stage, routes: all });

  it('is what the code says', async () => {
    await expect(`${JSON.stringify(document, null, 2)}\n`).toMatchFileSnapshot(join(docs, 'api', `${stage}.json`));
  });

  it('is what the function answers', async () => {
    const own = all.at(-1);
    const said = { header: () => undefined, json: async () => undefined };
    const call = { path: {}, query: {}, caller: { kind: 'anybody' }, ...said } as const;
    expect(await own?.respond(call)).toMatchObject({
      status: 200,
      body: document,
    });
  });

  it('has no reference that leads nowhere, and takes keys that come', () => {
    const text = JSON.stringify(document);
    expect(text).not.toContain('"additionalProperties":false');
    for (const [, ref = ''] of text.matchAll(/"\$ref":"#\/([^"]*)"/g)) {
      let at: unknown = document;
      for (const part of ref.split('/')) at = Object.entries(at ?? {}).find(([key]) => key === part)?.[1];
      expect(at, ref).toBeDefined();
    }
  });

  it.each(all.map(({ method, path }) => [method, path]))('has a row of %s %s in the contracts', (method, path) => {
    expect(contracts).toContain(`\`${stage}\`: \`${method} ${path.replaceAll('{', '<').replaceAll('}', '>')}`);
  });
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
