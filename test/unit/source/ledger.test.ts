import type { UploadRefused } from '../../../shared/events/upload-alert.ts';
import { artifactUri } from '../../../shared/source/artifact.ts';
import { describe, expect, it } from 'vitest';
import {
  copyOf,
  decodeLedger,
  emptyLedger,
  encodeLedger,
  isInDoubt,
  mergeLedgers,
  pendingOf,
  type Ledger,
} from '../../../shared/source/ledger.ts';

const commit = 'a'.repeat(40);
const entry = (name: string, generation: string) => ({
  name,
  generation,
  commit,
  at: '2026-11-21T01:02:03.000Z',
  content: null,
});
const ledger = (copied: readonly [string, string][], refused: readonly [string, string][] = []): Ledger => ({
  copied: new Map(copied.map(([name, generation]) => [name, entry(name, generation)])),
  refused: new Map(refused),
});
const object = (name: string, generation: string) => ({ bucket: 'family-master', name, generation });

describe('the ledger', () => {
  it('comes back whole, with names that mean something to JavaScript', () => {
    const written = ledger(
      [
        ['__proto__', '1'],
        ['constructor', '2'],
      ],
      [['toString', '3']],
    );
    expect(decodeLedger(JSON.parse(JSON.stringify(encodeLedger(written))))).toEqual(written);
    expect(copyOf({ ledger: emptyLedger, artifact: object('constructor', '1') })).toBeUndefined();
  });

  it.each([null, [], { version: 2, copied: [], refused: [] }, { version: 1, copied: [{ name: 'a' }], refused: [] }])(
    'is lost where it is %j',
    (value) => {
      expect(decodeLedger(value)).toBeUndefined();
    },
  );

  it('keeps of two that were written the newest generation of each name', () => {
    const one = ledger([
      ['a', '10'],
      ['b', '2'],
    ]);
    const other = ledger([
      ['a', '9'],
      ['b', '10'],
      ['c', '1'],
    ]);
    expect(mergeLedgers(one, other)).toEqual(
      ledger([
        ['a', '10'],
        ['b', '10'],
        ['c', '1'],
      ]),
    );
    expect(mergeLedgers(other, one)).toEqual(mergeLedgers(one, other));
  });

  it('forgets a refusal once a newer generation is in Git, and no other', () => {
    const merged = mergeLedgers(
      ledger(
        [['b', '1']],
        [
          ['a', '1'],
          ['b', '2'],
        ],
      ),
      ledger([['a', '2']]),
    );
    expect(merged.refused).toEqual(new Map([['b', '2']]));
  });

  const told = (name: string, generation: string): UploadRefused => ({
    ...{ repository: 'master', artifact: artifactUri(object(name, generation)), incident: name, since: 'then' },
    ...{ reason: 'TooLarge', message: 'is large', remedy: null, author: null, build: null },
  });
  const refusedAndTold = (name: string, generation: string): Ledger => ({
    ...ledger([], [[name, generation]]),
    told: new Map([[name, told(name, generation)]]),
  });

  it('keeps what was told of a refusal as long as that stands', () => {
    const one = refusedAndTold('a', '1');
    expect(decodeLedger(JSON.parse(JSON.stringify(encodeLedger(one))))).toEqual(one);
    expect(mergeLedgers(one, emptyLedger).told).toEqual(one.told);
    expect(mergeLedgers(one, refusedAndTold('a', '2')).told).toEqual(refusedAndTold('a', '2').told);
    expect(mergeLedgers(one, ledger([], [['a', '2']])).told).toBeUndefined();
    expect(mergeLedgers(one, ledger([['a', '2']])).told).toBeUndefined();
  });

  it('forgets the refusal of what is gone, and no later one', () => {
    const gone = { ...emptyLedger, gone: new Map([['a', '1']]) };
    expect(mergeLedgers(refusedAndTold('a', '1'), gone)).toEqual(emptyLedger);
    expect(mergeLedgers(refusedAndTold('a', '2'), gone)).toEqual(refusedAndTold('a', '2'));
  });

  it('is not lost where nobody can read what was told', () => {
    const value = { version: 1, copied: [], refused: [{ name: 'a', generation: '1', told: { later: 'shape' } }] };
    expect(decodeLedger(value)).toEqual(ledger([], [['a', '1']]));
  });
});

it('leaves in doubt what was uploaded before it was begun, until it knows better, and nothing where none was lost', () => {
  const begunAt = '2026-11-21T01:00:00.000Z';
  const known = { ...ledger([['copied', '5']]), begunAt };
  const at = (name: string, time: string) => ({ ...object(name, '5'), createdAt: new Date(time) });
  const doubts = (of: Ledger) => ({
    older: isInDoubt({ ledger: of, artifact: at('other', '2026-11-21T00:00:00Z') }),
    newest: isInDoubt({ ledger: of, artifact: at('other', begunAt) }),
    newer: isInDoubt({ ledger: of, artifact: at('other', '2026-11-21T01:00:00.001Z') }),
    copied: isInDoubt({ ledger: of, artifact: at('copied', '2026-11-21T00:00:00Z') }),
  });
  expect(doubts(known)).toEqual({ older: true, newest: true, newer: false, copied: false });
  expect(doubts(ledger([]))).toEqual({ older: false, newest: false, newer: false, copied: false });
  expect(decodeLedger(JSON.parse(JSON.stringify(encodeLedger(known))))).toEqual(known);
  const later = { ...emptyLedger, begunAt: '2026-11-21T02:00:00.000Z' };
  for (const merged of [mergeLedgers(known, later), mergeLedgers(later, known)])
    expect(merged.begunAt).toBe(later.begunAt);
  expect(mergeLedgers(known, emptyLedger).begunAt).toBe(begunAt);
});

it('what is pending of a bucket is neither in Git nor refused, by its generation', () => {
  const objects = [
    object('new', '1'),
    object('copied', '5'),
    object('older', '4'),
    object('overwritten', '6'),
    object('refused', '7'),
    object('mended', '8'),
  ];
  const known = ledger(
    [
      ['copied', '5'],
      ['older', '5'],
      ['overwritten', '5'],
    ],
    [
      ['refused', '7'],
      ['mended', '7'],
    ],
  );
  expect(
    pendingOf({ objects: objects.map((one) => ({ ...one, bytes: 1 })), ledger: known }).map(({ name }) => name),
  ).toEqual(['new', 'overwritten', 'mended']);
});
