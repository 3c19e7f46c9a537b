import { describe, expect, it } from 'vitest';
import { allRules } from './rules.ts';
import { explore, nameOf, report, small } from './worlds.ts';

describe('whatever happens', () => {
  it.each(small.map((world) => ({ name: nameOf(world), world })))('$name', async ({ world }) => {
    const explored = await explore(world);
    expect(report(explored)).toBe('');
    expect(explored.isComplete).toBe(true);
    expect(explored.good).toBeGreaterThan(0);
  });
});

describe('without the rule that', () => {
  it.each(allRules)('$rule', async ({ name, world, finds }) => {
    const { violation } = await explore({ ...world, broken: name, most: 100_000 });
    expect(violation?.what).toBe(finds);
  });
});
