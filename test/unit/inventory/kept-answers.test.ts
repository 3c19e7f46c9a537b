import { describe, expect, it } from 'vitest';
import { answerTo, readKeptAnswers, withAnswers, writeKeptAnswers } from '../../../shared/inventory/kept-answers.ts';
import { parseJson } from '../../../shared/objects/exact-json.ts';

const login = { apiVersion: 'v1', kind: 'Secret', namespace: 'acme', name: 'login' };
const nodes = { apiVersion: 'v1', kind: 'Node', namespace: '', name: '' };
const secretOf = (data: Record<string, string>) => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 'converge-acme-seed' },
  data,
});

describe('kept answers', () => {
  it('are read as they were written, numbers exact', () => {
    const found = parseJson(
      '{"apiVersion":"v1","kind":"Secret","metadata":{"name":"login"},"big":12345678901234567890}',
    );
    const written = writeKeptAnswers([
      { query: nodes, found: null },
      { query: login, found },
    ]);
    if (written === 'too large' || written.data === undefined) throw new Error('expected text');
    const read = readKeptAnswers(secretOf({ lookups: written.data }));
    expect(JSON.stringify(read)).toContain('"big":12345678901234567890');
    expect(read).toHaveLength(2);
  });

  it('are the same text whatever order they were asked in', () => {
    const [a, b] = [
      { query: login, found: null },
      { query: nodes, found: null },
    ];
    expect(writeKeptAnswers([a, b])).toEqual(writeKeptAnswers([b, a]));
  });

  it('tell "not there" from "not asked"', () => {
    expect(answerTo([{ query: login, found: null }], login)).toEqual({ query: login, found: null });
    expect(answerTo([], login)).toBeUndefined();
  });

  it('are replaced by later ones to the same question', () => {
    expect(
      withAnswers(
        [
          { query: login, found: null },
          { query: nodes, found: null },
        ],
        [{ query: { ...login }, found: {} }],
      ),
    ).toEqual([
      { query: nodes, found: null },
      { query: login, found: {} },
    ]);
  });

  it('are none in the Secret of a seed alone, and unreadable where something else stands there', () => {
    expect(readKeptAnswers(secretOf({ seed: 'x' }))).toEqual([]);
    expect(readKeptAnswers(undefined)).toEqual([]);
    expect(readKeptAnswers(secretOf({ lookups: 'e30=' }))).toBe('unreadable');
  });

  it('say where a Secret cannot hold them', () => {
    expect(writeKeptAnswers([{ query: login, found: 'x'.repeat(1_100_000) }])).toBe('too large');
  });
});
