import { describe, expect, it } from 'vitest';
import { compileCel, type CelResult } from '../../../shared/health/cel.ts';
import { parseJson } from '../../../shared/objects/exact-json.ts';
import type { KubernetesObject } from '../../../shared/objects/kubernetes-object.ts';

const tariff: KubernetesObject = {
  apiVersion: 'family.example/v1',
  kind: 'Tariff',
  metadata: {
    name: 'home',
    namespace: 'acme',
    generation: 3,
    creationTimestamp: '2026-11-21T01:02:03Z',
    labels: { 'family.example/line': 'home' },
  },
  spec: { replicas: 2, share: 0.5 },
  status: {
    phase: 'Published',
    ready: 2,
    note: null,
    conditions: [
      { type: 'Priced', status: 'True' },
      { type: 'Published', status: 'False', reason: 'Waiting' },
    ],
  },
};

function evaluate(text: string, object: KubernetesObject = tariff): CelResult {
  const compiled = compileCel(text);
  if (!compiled.ok) throw new Error(compiled.message);
  return compiled.expression(object);
}

const truths = [
  "status.phase == 'Published'",
  'self.metadata.name == metadata.name',
  "kind == 'Tariff'",
  "metadata.labels['family.example/line'] == 'home'",
  "status.conditions.exists(c, c.type == 'Priced' && c.status == 'True')",
  "!status.conditions.all(c, c.status == 'True')",
  "status.conditions.filter(c, c.status == 'False').map(c, c.type) == ['Published']",
  'status.conditions.exists_one(c, has(c.reason))',
  'has(status.phase) && !has(status.error)',
  "status.?error.orValue('none') == 'none'",
  'status.ready >= spec.replicas',
  'status.ready - 1 == 1',
  'status.ready == 2.0',
  'spec.share < 1',
  'double(status.ready) * spec.share == 1.0',
  'status.note == null',
  "status.phase.startsWith('Pub') && status.phase.contains('lish')",
  "status.phase in ['Published', 'Archived']",
  "'phase' in status",
  "timestamp(metadata.creationTimestamp) < timestamp('2026-11-22T00:00:00Z')",
  "timestamp('2026-11-22T00:00:00Z') - timestamp(metadata.creationTimestamp) > duration('1h')",
  "status.absent == 'x' || status.ready == 2",
  "status.conditions.exists(c, c.reason == 'Waiting')",
];

describe('compileCel', () => {
  it.for(truths)('finds %s', (text) => {
    expect(evaluate(text)).toEqual({ kind: 'answer', value: true });
  });

  it.for([
    ["status.error == 'x'", 'No such key: error'],
    ["data.key == 'x'", 'Unknown variable: data'],
    ["status.conditions[2].status == 'True'", 'No such key: index out of bounds, index 2 >= size 2'],
    ["status.conditions.all(c, c.reason == 'Waiting')", 'No such key: reason'],
    ["constructor.name == 'Object'", 'Unknown variable: constructor'],
    ["status.constructor == 'x'", 'No such key: constructor'],
    ["status.__proto__ == 'x'", 'No such key: __proto__'],
  ])('tells an absent field from a false answer: %s', ([text, message]) => {
    expect(evaluate(text ?? '')).toEqual({ kind: 'absent', message });
  });

  it.for([
    ["data[data.key] == 'x'", { kind: 'absent', message: 'No such key: ***' }],
    ['int(data.key) > 1', { kind: 'failed', message: 'int() type error: cannot convert to int' }],
    ['duration(data.key) > duration("1h")', { kind: 'failed', message: 'Invalid duration string: ***' }],
    ['data.list[data.key] == 1', expect.objectContaining({ message: expect.not.stringContaining('hunter') })],
    [
      'timestamp(data.key) > timestamp("2026-11-22T00:00:00Z")',
      expect.objectContaining({ message: expect.not.stringContaining('hunter') }),
    ],
    ['data.key.unknown == 1', expect.objectContaining({ message: expect.not.stringContaining('hunter') })],
    ['data.key[data.key] == 1', expect.objectContaining({ message: expect.not.stringContaining('hunter') })],
    ['data.key ? true : false', { kind: 'failed', message: "Ternary condition must be bool, got 'string'" }],
    ['bool(data.key)', { kind: 'failed', message: 'bool() conversion error: invalid string value "***"' }],
    ['{data.key: 1}[data.key + "x"] == 1', { kind: 'absent', message: 'No such key: ***' }],
  ] as const)('quotes nothing of an object, which may be a Secret: %s', ([text, answer]) => {
    expect(
      evaluate(text, {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 'login' },
        data: { key: 'hunter2Canary', list: [1] },
      }),
    ).toEqual(answer);
  });

  it.for([
    ['status.phase > 3', 'no such overload: dyn<string> > int'],
    ["status.ready + 'x' == 'x'", 'no such overload: dyn<int> + string'],
    ['status.phase', 'the expression gives no bool'],
    ['status.ready / 0 == 1', 'division by zero'],
    ["timestamp(status.phase) > timestamp('2026-11-22T00:00:00Z')", expect.stringContaining('timestamp')],
  ])('fails where it cannot be evaluated: %s', ([text, message]) => {
    expect(evaluate(String(text))).toEqual({ kind: 'failed', message });
  });

  it.for([
    ['status.phase ==', 'Unexpected token: EOF'],
    ["status.phase = 'x'", expect.stringContaining('Unexpected')],
    ['status.conditions.exist(c, true)', "found no matching overload for 'dyn.exist(dyn, bool)'"],
    ['now() > timestamp(metadata.creationTimestamp)', expect.stringContaining('no matching overload')],
    ["'Published'", 'it gives string, expected bool'],
    ['size(status.conditions)', 'it gives int, expected bool'],
    ["1 + 'a' == 'x'", 'no such overload: int + string'],
    ["status.phase.matches('^(P+)+$')", 'matches() is not available, as its cost has no bound'],
    ["status.phase.split('').exists(c, c == 'P')", 'split() is not available, as its cost has no bound'],
    [
      '[1].exists(a, [1].exists(b, [1].exists(c, [1].exists(d, true))))',
      'it nests 4 comprehensions, expected 3 at most',
    ],
    ['[1].map(a, a).map(a, a).map(a, a).exists(a, true)', 'it nests 4 comprehensions, expected 3 at most'],
  ])('refuses %s', ([text, message]) => {
    expect(compileCel(String(text))).toEqual({ ok: false, message });
  });

  it('refuses what is too large or too deep', () => {
    expect(compileCel(`true${' && true'.repeat(600)}`)).toEqual({ ok: false, message: 'Exceeded maxAstNodes (500)' });
    expect(compileCel(`${'('.repeat(10_000)}true${')'.repeat(10_000)}`).ok).toBe(false);
  });

  it('reads integers as ints beyond the exact numbers of a double, and larger ones as doubles', () => {
    const status = parseJson('{"bytes":9007199254740993,"huge":98765432109876543210,"share":0.10000000000000000555}');
    const object = { ...tariff, status };
    expect(evaluate('status.bytes == 9007199254740993', object)).toEqual({ kind: 'answer', value: true });
    expect(evaluate('status.bytes == 9007199254740992', object)).toEqual({ kind: 'answer', value: false });
    expect(evaluate('status.huge > 1e19 && status.share < 1.0', object)).toEqual({ kind: 'answer', value: true });
  });

  it('gives up on an object whose lists are too long to be compared with each other', () => {
    const items = Array.from({ length: 2_000 }, (_, index) => ({ name: `${index}` }));
    const object = { ...tariff, status: { items } };
    expect(evaluate("status.items.exists(i, i.name == '1999')", object)).toEqual({ kind: 'answer', value: true });
    expect(evaluate('status.items.all(i, status.items.exists(j, i.name == j.name))', object)).toEqual({
      kind: 'failed',
      message: 'the object has a list of 2000 items, too many for its comprehensions',
    });
  });

  it('fails on an object that is nested too deep to be read', () => {
    const deep = Array.from({ length: 200_000 }).reduce<unknown>((inner) => ({ inner }), 'x');
    expect(evaluate('has(status.inner)', { ...tariff, status: deep })).toMatchObject({ kind: 'failed' });
  });

  it('compiles an expression once', () => {
    expect(compileCel('status.ready == 2')).toBe(compileCel('status.ready == 2'));
  });
});
