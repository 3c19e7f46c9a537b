import { describe, expect, it } from 'vitest';
import { causesOf, copiesOf, refusedLine, statusExit, unreachableLine } from '../../../cli/status.ts';
import { environmentStates } from '../../../shared/pipeline/common/environment-status.ts';

const environment = { repository: 'master', name: 'shop' };
const slice = {
  object: 'EndpointSlice shop/web-x7',
  why: 'it does not name the environment',
  madeBy: 'kube-controller-manager, for Service shop/web',
};

describe('what copied the label of an inventory', () => {
  it('is shown in one line each, with what made it, and how many more there are', () => {
    const lines = copiesOf({
      ...environment,
      unproven: { count: 3, objects: [slice, { ...slice, object: 'Service shop/web2', madeBy: null }] },
    });
    expect(lines.map(({ text }) => text)).toEqual([
      'master/shop: EndpointSlice shop/web-x7 carries its label and is none of its objects: it does not name the environment; made by kube-controller-manager, for Service shop/web',
      'master/shop: Service shop/web2 carries its label and is none of its objects: it does not name the environment',
      'master/shop: and 1 more',
    ]);
    expect(copiesOf({ ...environment, unproven: { count: 0, objects: [] } })).toEqual([]);
  });
});

describe('what an environment that is not well was changed by', () => {
  const cause = {
    ...{ commit: '7b1e6a1b3d4e5f60718293a4b5c6d7e8f9012345', subject: 'Copy charts/shop.tgz\u001b[31m' },
    ...{ author: 'Ana <ana@example.com>', artifact: 'gs://b/charts/shop.tgz#7', build: null, restores: null },
  };
  const of = { ...environment, state: 'Failed', cause } as const;

  it('is shown in one line, with who, in characters that show', () => {
    expect(causesOf(of)).toEqual([
      {
        text: String.raw`master/shop: changed last by 7b1e6a1b3d4e "Copy charts/shop.tgz\u001b[31m" by Ana <ana@example.com>, of gs://b/charts/shop.tgz#7`,
        tone: 'detail',
      },
    ]);
    const without = { ...cause, author: null, artifact: null, subject: 'x'.repeat(100) };
    expect(causesOf({ ...of, cause: without })[0]?.text).toMatch(
      /^master\/shop: changed last by 7b1e6a1b3d4e "x+… \(100 characters\)"$/,
    );
  });

  it('is not shown of one that is well, or where it is not known', () => {
    for (const state of ['Converged', 'Converging', 'Suspended', 'Stale', 'Unknown'] as const)
      expect(causesOf({ ...of, state })).toEqual([]);
    expect(causesOf({ ...of, cause: null })).toEqual([]);
  });
});

describe('what does not answer', () => {
  it('is shown in one line, with how many environments stand on it', () => {
    const open = {
      ...{ subject: 'cluster/production-eu', incident: '4be0d1a2c3f40516', since: '2026-11-28T05:00:00.000Z' },
      ...{ code: 'ClusterUnavailable', problem: 'GET /api got no answer in 3 tries', count: 20 },
    };
    expect(unreachableLine(open).text).toMatch(
      /^cluster\/production-eu has not answered since .*: GET \/api got no answer in 3 tries; 20 environments stand on it$/,
    );
  });
});

describe('the exit code of status', () => {
  const good = ['Converged', 'Converging', 'Frozen', 'Suspended', 'Removing'];

  it.each(environmentStates.options)('says of %s whether it is known to be well', (state) => {
    expect(statusExit({ shown: [{ state: 'Converged' }, { state }], unreadable: [], refused: [] })).toBe(
      good.includes(state) ? 0 : 1,
    );
  });

  it('is 1 where a repository cannot be read', () => {
    expect(
      statusExit({ shown: [], unreadable: [{ repository: 'master', message: 'does not answer' }], refused: [] }),
    ).toBe(1);
  });
});

it('an upload that is refused is shown with who uploaded it, since when and why', () => {
  const upload = {
    ...{ repository: 'master', artifact: 'gs://b/charts/shop.tgz#7', since: '2026-11-28T09:00:00.000Z' },
    ...{ reason: 'InvalidArchive', message: 'holds a link', remedy: null, author: 'Ana', build: null },
  };
  expect(refusedLine(upload)).toEqual({
    text: 'master: gs://b/charts/shop.tgz#7 by Ana is refused since 2026-11-28 09:00:00: InvalidArchive: holds a link',
    tone: 'bad',
  });
});
