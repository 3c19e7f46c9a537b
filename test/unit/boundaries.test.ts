import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';

/*
 * What lint cannot see. Imports are its business too; the list of pure packages stands here and in .oxlintrc.json.
 */
const root = join(import.meta.dirname, '..', '..');
const folders = [
  'access',
  'drift',
  'environment',
  'events',
  'health',
  'inventory',
  'objects',
  'ownership',
  'plan',
  'rbac',
  'source',
  'yaml',
];
const domain = folders.map((folder) => `shared/${folder}/`);
const purePackages = ['node:crypto', 'zod', 'js-yaml'];
/** Packages of one folder alone: CEL is for health. */
const packagesOfFolder: Readonly<Record<string, readonly string[]>> = { 'shared/health': ['@marcbachmann/cel-js'] };
/** Beside the domain's folders, and as pure as they are. */
const pureModules = ['shared/config.ts', 'shared/errors.ts', 'shared/time.ts'];
const shortFunction = 30;
const longerByDesign = ['body.ts', 'delivery.ts', 'door.ts', 'wiring.ts'];

const filesBelow = (folder: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => join(folder, file));
const read = (file: string): string => readFileSync(join(root, file), 'utf8');

/** The text without comments and string literals, which may speak of anything. */
function codeOf(text: string): string {
  return text.replace(/\/\*[^]*?\*\/|\/\/.*|'(?:\\.|[^'\\\n])*'/g, ' ');
}

/** What makes a file of the domain wait for something. */
function waitsOf(text: string): string[] {
  return codeOf(text).match(/\b(async|await|Promise)\b/g) ?? [];
}

/** What a file of the domain imports and must not. */
function escapesOf({ file, text }: { file: string; text: string }): string[] {
  const imported = [...text.matchAll(/\b(?:from|import)\s*\(?\s*'([^']+)'/g)].flatMap(([, name]) => name ?? []);
  return imported.filter((name) => {
    if (!name.startsWith('.')) return ![...purePackages, ...(packagesOfFolder[dirname(file)] ?? [])].includes(name);
    const target = relative(root, join(root, dirname(file), name));
    return !pureModules.includes(target) && !domain.some((folder) => target.startsWith(folder));
  });
}

describe('the domain', () => {
  const files = domain.flatMap(filesBelow);

  it('is found', () => {
    expect(files).toContain('shared/plan/plan.ts');
    expect(files.length).toBeGreaterThan(40);
  });

  it('waits for nothing', () => {
    // A port's type may promise; whoever implements it is an adapter.
    const promised = ['shared/source/archive.ts'];
    expect(files.filter((file) => !promised.includes(file) && waitsOf(read(file)).length > 0)).toEqual([]);
    expect(promised.filter((file) => waitsOf(read(file)).some((word) => word !== 'Promise'))).toEqual([]);
  });

  it('imports itself and pure packages only', () => {
    const escapes = files.flatMap((file) => escapesOf({ file, text: read(file) }).map((name) => `${file}: ${name}`));
    expect(escapes).toEqual([]);
  });

  it('would be caught waiting', () => {
    expect(waitsOf('const f = async () => { await g(); };')).toEqual(['async', 'await']);
    expect(waitsOf("/** await */ const wait = 'async'; // Promise")).toEqual([]);
  });

  it.each([
    "import fs from 'node:fs';",
    "import { a } from '../adapters/git.ts';",
    "import type { Ports } from '../pipeline/ports.ts';",
    "import 'undici';",
    "const late = import('undici');",
  ])('would be caught with %s', (text) => {
    expect(escapesOf({ file: 'shared/plan/plan.ts', text })).toHaveLength(1);
  });
});

describe('a deletion in a cluster', () => {
  it('is made in one place, which asks the guards', () => {
    const deletes = filesBelow('shared').filter((file) => /\bcluster(\(\))?\.delete\(/.test(read(file)));
    expect(deletes).toEqual(['shared/pipeline/reconcile/delete-object.ts']);
  });
});

describe('a function', () => {
  it.each(filesBelow('functions').filter((file) => !longerByDesign.some((name) => file.endsWith(`/${name}`))))(
    '%s parses, wires and calls one stage, in under thirty lines',
    (file) => {
      expect(read(file).trimEnd().split('\n').length).toBeLessThan(shortFunction);
    },
  );

  it('is registered by the index', () => {
    const index = read('functions/index.ts');
    const files = filesBelow('functions').map((file) => file.slice('functions/'.length));
    const triggers = files.filter((name) => name !== 'index.ts' && !longerByDesign.includes(name));
    expect(triggers.filter((name) => !index.includes(`'./${name}'`))).toEqual([]);
  });
});
