import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { load } from 'js-yaml';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { keyDescriptions } from '../schema-descriptions.ts';
import { keysOf } from '../schema-keys.ts';

const docs = join(import.meta.dirname, '../../../docs');
const schemaOf = (name: string): object =>
  z.looseObject({}).parse(JSON.parse(readFileSync(join(docs, 'schemas', `${name}.json`), 'utf8')));
const page = readFileSync(join(docs, 'editors.md'), 'utf8');

it('each key of an environment file is described where an editor shows it', () => {
  // What a target names is what Kubernetes calls it.
  const keys = keysOf(schemaOf('environment')).filter(({ path }) => !/\.target\.\w+$/.test(path));
  expect(keys.filter(({ description }) => description === undefined)).toEqual([]);
  expect(Object.keys(keyDescriptions['environment'] ?? {}).toSorted()).toEqual(keys.map(({ path }) => path).toSorted());
});

it('what the page shows of a hover is the text of the schema', () => {
  const shown = [...page.matchAll(/^> `([\w.[\]]+)`: (.*)$/gm)];
  expect(shown.length).toBeGreaterThan(0);
  for (const [, path = '', text] of shown) expect(text).toBe(keyDescriptions['environment']?.[path]);
});

it('the schemas that it names are there, for the files that they are of', () => {
  const named = [...page.matchAll(/\.schemas\/([a-z-]+)\.json/g)].map(([, name = '']) => name);
  expect(new Set(named)).toEqual(new Set(['environment', 'config']));
  for (const name of named) expect(schemaOf(name)).toMatchObject({ $id: `https://converge.dev/schemas/${name}.json` });
});

it('its settings of VS Code are JSON that gives the schema of environments to their folder', () => {
  const [, settings = ''] = /```json\n(\{[^]*?)```/.exec(page) ?? [];
  expect(JSON.parse(settings)).toMatchObject({
    'yaml.schemas': { './.schemas/environment.json': 'environments/*.yaml' },
  });
});

it('its file with a modeline is valid by the schema, and the mistake that it shows is none that passes', () => {
  const [, text = ''] = /```yaml environment\n(# yaml-language-server: \$schema=[^]*?)```/.exec(page) ?? [];
  const validate = new Ajv2020({ strict: false, validateFormats: false }).compile(schemaOf('environment'));
  expect(validate(load(text)), JSON.stringify(validate.errors)).toBe(true);
  expect(validate(load(text.replace('selfHeal', 'selfheal')))).toBe(false);
  expect(page).toContain('`selfheal`');
});
