import { expect, it } from 'vitest';
import { destinationOf } from '../../../shared/source/artifact.ts';
import { batchesOf } from '../../../shared/source/batches.ts';

const uploads = (...objects: readonly [string, string][]) =>
  objects.map(([name, generation]) => {
    const live = { bucket: 'b', name, generation };
    return { live, destination: destinationOf(live) };
  });
const names = (...objects: readonly [string, string][]) =>
  batchesOf(uploads(...objects)).map((batch) => batch.map(({ live }) => live.name));

it('plain objects make one commit, in the order of their generations', () => {
  expect(names(['b', '10'], ['a', '9'], ['c', '100'])).toEqual([['a', 'b', 'c']]);
});

it('an archive makes a commit of its own, and the plain ones beside it one together', () => {
  expect(names(['a', '1'], ['x.tgz', '2'], ['b', '3'], ['y.tar.gz', '4'], ['c', '5'])).toEqual([
    ['a', 'b', 'c'],
    ['x.tgz'],
    ['y.tar.gz'],
  ]);
});

it('an object below the folder of an archive comes before or after it, by their generations', () => {
  expect(names(['x/old', '1'], ['x.tgz', '2'], ['x/new', '3'], ['other', '4'])).toEqual([
    ['x/old', 'other'],
    ['x.tgz'],
    ['x/new'],
  ]);
  expect(names(['x.tgz', '1'], ['x/y.tgz', '2'], ['x/y/z', '3'], ['xy', '4'])).toEqual([
    ['x.tgz'],
    ['x/y.tgz'],
    ['x/y/z', 'xy'],
  ]);
});
