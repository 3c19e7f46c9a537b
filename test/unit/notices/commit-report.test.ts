import { describe, expect, it } from 'vitest';
import { commitReport, type ReportedEnvironment } from '../../../shared/notices/commit-report.ts';
import { reportHash, withAsked } from '../../../shared/notices/told-commits.ts';

const commit = '9f2c6a1b3d4e5f60718293a4b5c6d7e8f9012345';
const environment = (index: number, state: ReportedEnvironment['state'] = 'Converged'): ReportedEnvironment => ({
  ...{ name: `shop-${String(index).padStart(4, '0')}`, state, message: '', rolledBack: null },
});
const report = (environments: readonly ReportedEnvironment[]) =>
  commitReport({ repository: 'develop', commit, environments, ignored: [] });
const fleet = (converged: number, of: number) =>
  report(Array.from({ length: of }, (_, index) => environment(index, index < converged ? 'Converged' : 'Converging')));

describe('what became of a commit', () => {
  it('has a status and a deployment of each environment where there are up to 20, and of the class alone beyond', () => {
    expect(fleet(3, 20).statuses).toHaveLength(21);
    expect(fleet(3, 20).deployments).toHaveLength(20);
    expect(fleet(3, 21).statuses.map(({ context }) => context)).toEqual(['converge/develop']);
    expect(fleet(3, 21).deployments).toEqual([]);
  });

  it('is told in twenty steps at most while it is pending, however many environments there are', () => {
    const told = new Set(Array.from({ length: 1_000 }, (_, converged) => reportHash(fleet(converged, 1_000))));
    expect(told.size).toBeLessThanOrEqual(20);
    const summaries = new Set(
      Array.from({ length: 1_000 }, (_, converged) => fleet(converged, 1_000).statuses[0]?.description),
    );
    expect(summaries.size).toBeLessThanOrEqual(20);
    expect(fleet(999, 1_000).statuses[0]?.description).toBe('develop: at least 950 of 1000 converged');
    expect(fleet(1_000, 1_000).statuses[0]?.description).toBe('develop: 1000 of 1000 converged');
  });

  it('is a failure as soon as one failed, and says which', () => {
    const thirteen = Array.from({ length: 13 }, (_, index) => environment(index, index === 4 ? 'Failed' : 'Converged'));
    expect(report(thirteen).statuses[0]).toEqual({
      ...{ context: 'converge/develop', verdict: 'failure' },
      description: 'develop: 12 of 13 converged, shop-0004 failed',
    });
    const underWay = thirteen.map((each) =>
      each.state === 'Converged' ? { ...each, state: 'Converging' as const } : each,
    );
    expect(report(underWay).verdict).toBe('failure');
  });

  it('says of what converged whether it went as planned, where it was planned', () => {
    const plan = { asPlanned: true, at: null, pullRequest: 7, objects: [], omitted: 0 };
    const { comment } = report([{ ...environment(1), plan }, environment(2)]);
    expect(comment.lines.map(({ text }) => text)).toEqual(['converged. As planned on pull request 7', 'converged']);
  });

  it('is written failures first and successes last', () => {
    const states = ['Converged', 'Failed', 'Converging', 'Suspended', 'Diverged'] as const;
    const { statuses, deployments } = report(states.map((state, index) => environment(index, state)));
    const order = ['failure', 'pending', 'success'];
    for (const verdicts of [statuses, deployments].map((all) => all.map(({ verdict }) => order.indexOf(verdict))))
      expect(verdicts).toEqual(verdicts.toSorted((a, b) => a - b));
  });

  it('lets a suspended environment stand, and says so', () => {
    const { verdict, comment } = report([environment(1), environment(2, 'Suspended')]);
    expect(verdict).toBe('success');
    expect(comment.title).toBe('develop: 1 of 2 converged, shop-0002 suspended');
  });

  it('names those that failed, 20 at most, where there are many', () => {
    const states = Array.from({ length: 1_000 }, (_, index) =>
      environment(index, index < 700 ? 'Failed' : 'Converging'),
    );
    const { comment } = report(states);
    expect(comment.title).toBe('develop: 0 of 1000 converged, at least 700 failed');
    expect(comment.lines).toHaveLength(20);
    expect(comment.lines.every(({ verdict }) => verdict === 'failure')).toBe(true);
    expect(comment.isWhole).toBe(false);
  });
});

describe('the commits that a host is not through with', () => {
  it('are the newest 50, those that are asked for last', () => {
    const known = Array.from({ length: 50 }, (_, index) => ({ commit: `c${index}`, shows: 'hash' }));
    const next = withAsked(known, ['c7', 'new']);
    expect(next).toHaveLength(50);
    expect(next.slice(-2)).toEqual([
      { commit: 'c7', shows: 'hash' },
      { commit: 'new', shows: null },
    ]);
    expect(next.some(({ commit: id }) => id === 'c0')).toBe(false);
  });
});
