import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';

/*
 * What lint cannot see. Imports are its business too; the list of pure packages stands here and in .oxlintrc.json.
 */
const root = join(import.meta.dirname, '..', '..');
/**
 * Which room of `shared/` stands on which: one imports those left of a `<` before it, and none beside it.
 * `.oxlintrc.json` says the same.
 */
const order =
  'base < yaml, access, routing < config < objects < fields, health, rbac < desired < inventory < environment, ownership < drift < events, plan < memory, source, notices < report < ports < pipeline, adapters';
/**
 * And which of `shared/pipeline/`. What stands in the folders above them imports them all, and none of them imports
 * that.
 */
const innerOrder =
  'common < rollback, reconcile/run < copy-artifact, reconcile/tell, reconcile/render < reconcile/accept, reconcile/observe < reconcile/others, reconcile/judge < reconcile/write, inspect < reconcile/leave < plan-commit < act';
const rooms = roomsOf(order).flat();
const domain = rooms.slice(0, rooms.indexOf('ports')).map((room) => `shared/${room}/`);
const purePackages = ['node:crypto', 'zod', 'js-yaml'];
/** Packages of one folder alone: CEL is for health. */
const packagesOfFolder: Readonly<Record<string, readonly string[]>> = {
  'shared/health': ['@marcbachmann/cel-js'],
  'shared/config': ['croner'],
};
const shortFunction = 30;
const longerByDesign = ['body.ts', 'delivery.ts', 'door.ts', 'sizes.ts', 'wiring.ts'];
/** What the functions that are asked over HTTP answer, and how: no triggers. */
const functionsFolder = 'api/';

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

/** What stands at one height, from the ground up. */
function roomsOf(said: string): string[][] {
  return said.split(' < ').map((rank) => rank.split(', '));
}

function importsOf({ file, text }: { file: string; text: string }): { name: string; target: string }[] {
  const names = [...text.matchAll(/\b(?:from|import)\s*\(?\s*'([^']+)'/g)].flatMap(([, name]) => name ?? []);
  return names.map((name) => ({ name, target: relative(root, join(root, dirname(file), name)) }));
}

/** The room that a file stands in: the longest name that its path begins with, or none. */
function roomOf({ file, below, names }: { file: string; below: string; names: readonly string[] }): string | undefined {
  return names.filter((name) => file.startsWith(`${below}${name}/`)).sort((a, b) => b.length - a.length)[0];
}

/** The imports of a file that do not go down, each as `<room> -> <room>: <file>`. */
function upwardsOf({ file, text, said, below }: { file: string; text: string; said: string; below: string }): string[] {
  const ranks = roomsOf(said);
  const names = ranks.flat();
  const from = roomOf({ file, below, names });
  if (from === undefined) return [];
  const heightOf = (room: string): number => ranks.findIndex((rank) => rank.includes(room));
  return importsOf({ file, text }).flatMap(({ name, target }) => {
    if (!name.startsWith('.') || !target.startsWith(below)) return [];
    const to = roomOf({ file: target, below, names });
    if (to === from) return [];
    return to !== undefined && heightOf(to) < heightOf(from) ? [] : [`${from} -> ${to ?? '(above)'}: ${file}`];
  });
}

/** What a file of the domain imports and must not. */
function escapesOf({ file, text }: { file: string; text: string }): string[] {
  return importsOf({ file, text }).flatMap(({ name, target }) => {
    const isAllowed = name.startsWith('.')
      ? domain.some((folder) => target.startsWith(folder))
      : [...purePackages, ...(packagesOfFolder[dirname(file)] ?? [])].includes(name);
    return isAllowed ? [] : [name];
  });
}

describe('the rooms of shared/', () => {
  it('are those of the order, and nothing lies beside them', () => {
    expect(readdirSync(join(root, 'shared')).sort()).toEqual([...rooms].sort());
  });

  it.each([
    { below: 'shared/', said: order },
    { below: 'shared/pipeline/', said: innerOrder },
  ])('import in one direction below $below', ({ below, said }) => {
    const files = filesBelow(below);
    expect(files.flatMap((file) => upwardsOf({ file, text: read(file), said, below }))).toEqual([]);
  });

  it('are all known inside the pipeline', () => {
    const folders = ['', 'reconcile/'].flatMap((folder) =>
      readdirSync(join(root, 'shared/pipeline', folder), { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map(({ name }) => `${folder}${name}`),
    );
    expect(folders.filter((folder) => folder !== 'reconcile').sort()).toEqual(roomsOf(innerOrder).flat().sort());
  });

  it('would be caught importing upwards', () => {
    const caught = (file: string, name: string): number =>
      upwardsOf({ file, text: `import { a } from '${name}';`, said: order, below: 'shared/' }).length;
    expect(caught('shared/objects/place.ts', '../environment/environment-file.ts')).toBe(1);
    expect(caught('shared/adapters/git.ts', '../pipeline/status.ts')).toBe(1);
    expect(caught('shared/health/pod.ts', '../fields/field-path.ts')).toBe(1);
    expect(caught('shared/drift/fight.ts', '../objects/place.ts')).toBe(0);
  });

  it('are kept apart by lint just so', () => {
    const { overrides } = lintSchema.parse(JSON.parse(read('.oxlintrc.json')));
    const forbidden = new Map(
      overrides.map(({ files, rules }) => [
        files[0] ?? '',
        new Set((rules['no-restricted-imports']?.[1].patterns ?? []).flatMap(({ group }) => group)),
      ]),
    );
    for (const [said, below] of [
      [order, 'shared/'],
      [innerOrder, 'shared/pipeline/'],
    ] as const) {
      const ranks = roomsOf(said);
      for (const [height, rank] of ranks.entries()) {
        for (const room of rank) {
          const notBelow = ranks
            .slice(height)
            .flat()
            .filter((other) => other !== room);
          const patterns = forbidden.get(`${below}${room}/**`) ?? new Set();
          // What stands highest is kept from its equal only, and a stage imports every room of the pipeline.
          const missing = notBelow.filter((other) => !patterns.has(`**/${other.split('/').at(-1) ?? other}/**`));
          expect(missing, `${below}${room}`).toEqual([]);
        }
      }
    }
  });
});

const lintSchema = z.object({
  overrides: z.array(
    z.object({
      files: z.array(z.string()),
      rules: z.looseObject({
        'no-restricted-imports': z
          .tuple([z.string(), z.object({ patterns: z.array(z.object({ group: z.array(z.string()) })) })])
          .optional(),
      }),
    }),
  ),
});

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
    "import type { Ports } from '../ports/ports.ts';",
    "import 'undici';",
    "const late = import('undici');",
  ])('would be caught with %s', (text) => {
    expect(escapesOf({ file: 'shared/plan/plan.ts', text })).toHaveLength(1);
  });
});

describe('a deletion in a cluster', () => {
  it('is made in one place, which asks the guards', () => {
    const deletes = filesBelow('shared').filter((file) => /\bcluster(\(\))?\.delete\(/.test(read(file)));
    expect(deletes).toEqual(['shared/pipeline/reconcile/write/delete-object.ts']);
  });
});

describe('a function', () => {
  const isLong = (file: string): boolean =>
    file.startsWith(`functions/${functionsFolder}`) || longerByDesign.some((name) => file === `functions/${name}`);

  it.each(filesBelow('functions').filter((file) => !isLong(file)))(
    '%s parses, wires and calls one stage, in under thirty lines',
    (file) => {
      expect(read(file).trimEnd().split('\n').length).toBeLessThan(shortFunction);
    },
  );

  it('is registered by the index', () => {
    const index = read('functions/index.ts');
    const files = filesBelow('functions').map((file) => file.slice('functions/'.length));
    const triggers = files.filter((name) => name !== 'index.ts' && !isLong(`functions/${name}`));
    expect(triggers.filter((name) => !index.includes(`'./${name}'`))).toEqual([]);
  });
});
