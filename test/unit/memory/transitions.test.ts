import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { memorySchema, type Memory } from '../../../shared/memory/memory.ts';
import * as accept from '../../../shared/memory/transitions/accept.ts';
import * as divergence from '../../../shared/memory/transitions/divergence.ts';
import * as end from '../../../shared/memory/transitions/end.ts';
import * as folds from '../../../shared/memory/transitions/fold.ts';
import * as objects from '../../../shared/memory/transitions/objects.ts';
import * as quarantine from '../../../shared/memory/transitions/quarantine.ts';
import * as requests from '../../../shared/memory/transitions/requests.ts';
import * as rollOut from '../../../shared/memory/transitions/roll-out.ts';
import { states, type StateName } from './transitions/states.ts';
import { rows } from './transitions/rows.ts';

const root = join(import.meta.dirname, '..', '..', '..');
const transitions = { ...accept, ...divergence, ...end, ...folds, ...objects, ...quarantine, ...requests, ...rollOut };

const textsBelow = (folder: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => readFileSync(join(root, folder, file), 'utf8'));

/** What the pipeline remembers, by the names of the transitions. */
const remembered = [
  ...new Set(
    textsBelow('shared/pipeline').flatMap((text) =>
      [...text.matchAll(/\bmemoryFile\s*\.remember\(\s*([^\s,)]+)/g)].map(([, name]) => name ?? ''),
    ),
  ),
].sort();

/** The docstring of each transition, with those of the transitions that it refers to. */
function saidOf(name: string): string {
  const texts = textsBelow('shared/memory/transitions').join('\n');
  const docs = new Map(
    [...texts.matchAll(/\/\*\*((?:(?!\*\/)[^])*)\*\/\nexport function (\w+)/g)].map(([, doc, of]) => [
      of ?? '',
      doc ?? '',
    ]),
  );
  const own = docs.get(name) ?? '';
  const others = [...docs.keys()].filter((other) => other !== name && own.includes(`\`${other}\``));
  return [own, ...others.map(saidOf)].join('\n');
}

const isState = (name: string): name is StateName => name in states;

describe.each(rows)('$transition, $when', ({ transition, apply, meets, sets, clears, but }) => {
  const met = meets === 'any' ? Object.keys(states).filter(isState) : meets;

  it.each(met)('is right from an environment that %s', (name) => {
    const before: Memory = states[name];
    const untouched = structuredClone(before);
    const cleared = Object.fromEntries(clears.map((field) => [field, undefined]));
    const expected = { ...before, ...cleared, ...sets, ...but?.[name] };
    const after = apply(before);
    expect(after).toEqual(expected);
    expect(memorySchema.parse(JSON.parse(JSON.stringify(after)))).toEqual(expected);
    expect(before).toEqual(untouched);
  });

  it('says what it clears', () => {
    const said = saidOf(transition);
    expect(said).toMatch(/\bclears?\b/i);
    expect(clears.filter((field) => !said.includes(`\`${field}\``))).toEqual([]);
  });

  it('clears nothing but that', () => {
    const found = met.flatMap((name) => {
      const before: Memory = states[name];
      const after = new Map<string, unknown>(Object.entries(apply(before)));
      return Object.entries(before).flatMap(([field, value]) =>
        value !== undefined && after.get(field) === undefined ? [field] : [],
      );
    });
    expect([...new Set(found)].sort()).toEqual([...clears].sort());
  });
});

describe('the memory', () => {
  it('is changed by transitions alone', () => {
    expect(remembered.length).toBeGreaterThan(20);
    expect(remembered.filter((name) => !(name in transitions))).toEqual([]);
  });

  it('is changed by each of the table, and by no other', () => {
    expect([...new Set(rows.map(({ transition }) => transition))].sort()).toEqual(remembered);
  });
});
