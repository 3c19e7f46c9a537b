import { describe, expect, it } from 'vitest';
import { reportSchema } from '../../../shared/events/report.ts';
import { noticeOfReport } from '../../../shared/notices/report-notice.ts';
import { listedEntries } from '../../../shared/report/make-report.ts';
import { commit, environmentOf, from, image, incidentOf, reportOf, revision } from './reported.ts';

const closedAt = '2026-11-21T02:00:00.000Z';

describe('what differs from Git', () => {
  it('is told with since when, which field, and who wrote it', () => {
    const report = reportOf([environmentOf({ state: 'Diverged', incidents: [incidentOf()] })]);
    expect(report.differing).toEqual([
      {
        ...{ id: '4be0d1a2c3f40516', environment: 'master/acme', cluster: 'production-eu', reason: 'Drifted' },
        ...{ object: 'Deployment acme/web', since: '2026-11-21T01:02:03.000Z', occurrence: 1, revision },
        ...{ summary: 'Deployment acme/web: image differs', by: ['kubectl-set'], cause: null, more: 0, news: null },
        changes: [
          {
            ...{ object: 'Deployment acme/web', change: 'modified', message: '' },
            path: '/spec/template/spec/containers[name=web]/image',
            ...{ desired: 'shop:1.4.2', observed: 'shop:1.4.3', by: 'kubectl-set', at: '2026-11-21T01:02:01.000Z' },
          },
        ],
      },
    ]);
    expect(report.counts).toEqual({ environments: 1, converged: 0, differing: 1, suspended: 0, notLookedAt: 0 });
    expect(reportSchema.parse(JSON.parse(JSON.stringify(report)))).toEqual(report);
  });

  it('says of what is left alone by whom, and until when', () => {
    const suspended = { in: 'cluster' as const, by: 'kubectl-annotate', until: '2026-11-23T06:00:00Z' };
    const [finding] = reportOf([environmentOf({ incidents: [incidentOf({}, [{ ...image, suspended }])] })]).differing;
    expect(finding?.changes.map(({ message }) => message)).toEqual([
      'left alone by converge.dev/reconcile: disabled (kubectl-annotate), until 2026-11-23T06:00:00Z',
    ]);
  });

  it('is not that an environment is suspended, which is counted, and left undone', () => {
    const incident = incidentOf({ reason: 'Suspended', subject: '', summary: 'is suspended without an end' }, []);
    const policy = { suspend: true, suspendReason: 'moves', selfHeal: true, prune: true, ignored: 0 };
    const report = reportOf([environmentOf({ state: 'Suspended', policy, incidents: [incident] })]);
    expect(report.differing).toEqual([]);
    expect(report.counts).toMatchObject({ differing: 0, suspended: 1 });
    expect(report.undone).toEqual([{ environment: 'master/acme', what: ['suspend: true (moves)'] }]);
  });

  it('is the oldest first, which is named with its age', () => {
    const old = incidentOf({ id: 'old', since: '2026-11-19T06:00:00.000Z', reason: 'Unhealthy', summary: 'it hangs' });
    const report = reportOf([environmentOf({ incidents: [incidentOf(), old] }), environmentOf({ name: 'beta' })]);
    expect(report.differing.map(({ id }) => id)).toEqual(['old', '4be0d1a2c3f40516']);
    expect(report.oldest).toEqual({
      ...{ environment: 'master/acme', since: '2026-11-19T06:00:00.000Z', seconds: 3 * 86_400, summary: 'it hangs' },
    });
  });

  it('names the objects where no alert was made of them yet', () => {
    const incident = { ...incidentOf({ objects: ['Secret acme/key', 'Service acme/web'] }), diff: undefined };
    const [finding] = reportOf([environmentOf({ incidents: [incident] })]).differing;
    expect(finding?.changes.map(({ object, path }) => [object, path])).toEqual([
      ['Secret acme/key', ''],
      ['Service acme/web', ''],
    ]);
  });

  it('is cut, with how much more there is', () => {
    const fields = Array.from({ length: 10_000 }, (_, index) => ({
      path: `/data/k${index}`,
      desired: 'x'.repeat(3_000),
    }));
    const report = reportOf([environmentOf({ incidents: [incidentOf({}, [{ ...image, fields, omittedFields: 7 }])] })]);
    const [finding] = report.differing;
    expect(finding?.changes).toHaveLength(8);
    expect(finding?.more).toBe(10_000 - 8 + 7);
    expect(finding?.changes[0]?.desired).toBe(`${'x'.repeat(160)}… (3000 characters)`);
  });

  it('is counted where it is more than a report lists', () => {
    const many = Array.from({ length: listedEntries + 3 }, (_, index) =>
      environmentOf({ name: `e${index}`, incidents: [incidentOf()] }),
    );
    const report = reportOf(many);
    expect(report.differing).toHaveLength(listedEntries);
    expect(report.omitted).toEqual({ differing: 3 });
    expect(report.counts.differing).toBe(listedEntries + 3);
  });
});

describe('what ended in the time of the report', () => {
  it('is drift that was healed, drift that ended by itself, and what failed', () => {
    const healed = incidentOf({ id: 'healed', closedAt });
    if (healed.diff !== undefined) healed.diff.action = 'healed';
    const left = incidentOf({ id: 'left', closedAt: '2026-11-21T03:00:00.000Z' });
    const failed = incidentOf({ id: 'failed', closedAt, reason: 'Failed' });
    const before = incidentOf({ id: 'before', closedAt: '2026-11-15T05:59:59.000Z' });
    const report = reportOf([environmentOf({ incidents: [healed, left, failed, before] })]);
    expect(report.drifted.map(({ id, healed: isHealed, until }) => [id, isHealed, until])).toEqual([
      ['left', false, '2026-11-21T03:00:00.000Z'],
      ['healed', true, closedAt],
    ]);
    expect(report.ended.map(({ id }) => id)).toEqual(['failed']);
  });

  it('says of drift who had it undone, which is healed then', () => {
    const reverted = { by: 'Olga Ops', reason: 'the test is over', at: closedAt };
    const report = reportOf([environmentOf({ incidents: [incidentOf({ id: 'asked', closedAt, reverted })] })]);
    expect(report.drifted).toMatchObject([{ id: 'asked', healed: true, reverted }]);
  });

  it('is each time that the same came, where the memory keeps the past', () => {
    const entry = (until: string, times = 1) => ({
      ...{ id: 'same', reason: 'Drifted' as const, subject: 'Deployment acme/web', since: '2026-11-16T00:00:00.000Z' },
      ...{ until, times, revision, summary: 'image differs', by: ['kubectl-set'], healed: true, cause: null },
    });
    const incidents = [entry('2026-11-16T01:00:00.000Z', 3), entry(closedAt)];
    const past = { from: '2026-11-01T00:00:00.000Z', incidents, convergences: [] };
    const report = reportOf([environmentOf({ memory: { past }, incidents: [incidentOf({ id: 'same', closedAt })] })]);
    expect(report.drifted.map(({ until, occurrence }) => [until, occurrence])).toEqual([
      [closedAt, 1],
      ['2026-11-16T01:00:00.000Z', 3],
    ]);
    expect(report.limits).toEqual([]);
  });

  it('may be more than is kept, which the report says', () => {
    const past = { from: '2026-11-20T10:10:00.000Z', incidents: [], convergences: [] };
    const both = ['acme', 'beta'].map((name) => environmentOf({ name, memory: { past } }));
    expect(reportOf(both).limits).toEqual([
      'Not all that ended in this time is kept of master/acme, master/beta (since 2026-11-20 10:10 UTC): there may have been more before.',
    ]);
  });

  it('may be more than the version before kept, which the report says', () => {
    const said = reportOf([environmentOf({ incidents: [incidentOf({ closedAt })] })]).limits;
    expect(said).toEqual(['Not all that ended in this time is kept of master/acme: there may have been more before.']);
    const before = incidentOf({ closedAt: '2026-11-15T05:00:00.000Z' });
    expect(reportOf([environmentOf({ incidents: [before] })]).limits).toEqual([]);
    expect(reportOf([environmentOf()]).limits).toEqual([]);
  });

  it('is not known of one whose memory is new or lost', () => {
    const lost = environmentOf({ memory: { attempted: undefined, since: '2026-11-20T00:00:00.000Z' } });
    expect(reportOf([lost]).limits.join()).toContain('Nothing is remembered of master/acme');
  });
});

describe('what was taken back', () => {
  const quarantine = { revision, inputs: {}, reason: 'ImagePullBackOff', at: '2026-11-01T00:00:00.000Z' };

  it('is told as long as it stands, and else in its time', () => {
    const revert = 'a'.repeat(40);
    const stands = environmentOf({ memory: { quarantine: { ...quarantine, revert } } });
    const lifted = environmentOf({ memory: { quarantine: { ...quarantine, revert, lifted: commit } } });
    expect(reportOf([stands, lifted]).rolledBack).toEqual([
      {
        ...{ environment: 'master/acme', revision, reason: 'ImagePullBackOff', at: quarantine.at },
        ...{ commit: revert, refused: null, stands: true },
      },
    ]);
  });

  it('is told from the alert where nothing is quarantined any more, and with why the host refused it', () => {
    const rolled = incidentOf({ reason: 'Unhealthy', closedAt, summary: 'it fails' });
    if (rolled.diff !== undefined) rolled.diff.rollback = { to: revision, commit };
    const refused = environmentOf({
      name: 'beta',
      memory: { quarantine: { ...quarantine, revert: null, refused: 'the branch is protected' } },
    });
    const report = reportOf([environmentOf({ incidents: [rolled] }), refused]);
    expect(report.rolledBack.map(({ commit: by, refused: why, stands }) => [by, why, stands])).toEqual([
      [null, 'the branch is protected', true],
      [commit, null, false],
    ]);
  });
});

describe('an environment', () => {
  it('that nobody looked at lately is named, whatever its last state', () => {
    const report = reportOf([
      environmentOf({ name: 'late', checkedAt: '2026-11-22T04:00:00.000Z' }),
      environmentOf({ name: 'never', checkedAt: null, state: 'Unknown', message: 'no look at it has come to its end' }),
      environmentOf({ name: 'unknown', state: 'Unknown' }),
      environmentOf({ name: 'well' }),
    ]);
    expect(report.notLookedAt.map(({ environment }) => environment)).toEqual([
      'master/late',
      'master/never',
      'master/unknown',
    ]);
  });

  it('that leaves something undone on purpose is named with what', () => {
    const policy = { suspend: true, selfHeal: false, prune: true, ignored: 2 };
    const report = reportOf([environmentOf({ state: 'Suspended', policy })]);
    expect(report.undone).toEqual([
      { environment: 'master/acme', what: ['suspend: true', 'selfHeal: false', '2 ignored paths'] },
    ]);
    expect(report.counts.suspended).toBe(1);
  });
});

describe('the time to converge', () => {
  const note = (at: string, seconds: number, of = '1'.repeat(40)) => ({
    commit: of,
    text: `acme converged at=${at} cluster=c seconds=${seconds} created=0 configured=1 unchanged=1 pruned=0 event=e`,
  });

  it('is counted from the first run for a revision, and else as long as its last run took', () => {
    const notes = [
      note('2026-11-10T00:00:00.000Z', 900),
      note('2026-11-20T00:00:00.000Z', 4),
      note('2026-11-20T00:30:00.000Z', 8),
      // Of the revision that converged last: a run set out for it at 01:00.
      note('2026-11-20T01:02:00.000Z', 3, commit),
      { commit, text: 'what somebody else wrote' },
    ];
    const converged = { commit, revision, at: '2026-11-20T01:00:00.000Z', inputs: {}, renderKey: '' };
    expect(reportOf([environmentOf({ memory: { notes, converged } })]).timeToConverge).toEqual({
      ...{ count: 3, median: 8, percentile95: 120 },
    });
  });

  it('is what the past says, with what was noted before that began', () => {
    const notes = [note('2026-11-18T00:00:00.000Z', 4), note('2026-11-20T00:00:00.000Z', 4)];
    const took = (at: string, seconds: number) => ({ revision, at, seconds });
    const convergences = [took('2026-11-10T00:00:00.000Z', 1), took('2026-11-20T00:00:00.000Z', 90)];
    const past = { from: '2026-11-19T00:00:00.000Z', incidents: [], convergences };
    expect(reportOf([environmentOf({ memory: { notes, past } })]).timeToConverge).toEqual({
      ...{ count: 2, median: 4, percentile95: 90 },
    });
  });

  it('is not known where nothing converged', () => {
    expect(reportOf([environmentOf()]).timeToConverge).toEqual({ count: 0, median: null, percentile95: null });
  });
});

describe('against the report before', () => {
  const web = incidentOf();
  const api = incidentOf({ id: 'api', summary: 'api differs' });

  it('something is new, still there, there again, or gone', () => {
    const before = reportOf([environmentOf({ incidents: [web, api, incidentOf({ id: 'gone' })] })]);
    const now = reportOf(
      [
        environmentOf({
          incidents: [
            web,
            { ...api, since: '2026-11-21T05:00:00.000Z' },
            incidentOf({ id: 'new' }),
            incidentOf({ id: 'gone', closedAt }),
          ],
        }),
      ],
      { before },
    );
    expect(now.before).toBe(before.at);
    expect(Object.fromEntries(now.differing.map(({ id, news }) => [id, news]))).toEqual({
      ...{ [web.id]: 'still', api: 'again', new: 'new' },
    });
    expect(now.gone.map(({ id, until }) => [id, until])).toEqual([['gone', closedAt]]);
  });

  it('says nothing of an end that nobody remembers', () => {
    const before = reportOf([environmentOf({ incidents: [web] })]);
    expect(reportOf([environmentOf()], { before }).gone).toMatchObject([{ id: web.id, until: null }]);
  });

  it('is not called gone where nobody can say: of a class, a memory or labels that cannot be read', () => {
    const names = ['class', 'memory', 'labels', 'removed'];
    const before = reportOf(names.map((name) => environmentOf({ name, repository: name, incidents: [web] })));
    const now = reportOf(
      [
        environmentOf({
          name: 'memory',
          repository: 'memory',
          memory: { attempted: undefined, since: from.toISOString() },
        }),
      ],
      { before, unchosen: ['labels/labels'], unreadable: [{ repository: 'class', message: 'no answer' }] },
    );
    expect(now.gone.map(({ environment }) => environment)).toEqual(['removed/removed']);
    expect(now.limits).toContain(
      'Whether it is gone what differed in the report before nobody can say of class/class, memory/memory, labels/labels: what is remembered of it, or its labels, could not be read, or are others.',
    );
  });

  it('is compared with no report of other environments, whose findings it would tell as gone', () => {
    const before = reportOf([environmentOf({ name: 'beta', incidents: [incidentOf({ id: 'of beta' })] })]);
    const chosen = { classes: [], environments: [], labels: { customer: 'acme' } };
    const now = reportOf([environmentOf({ incidents: [web] })], { before, chosen });
    expect(JSON.stringify(now)).not.toContain('beta');
    expect([now.before, now.gone, now.differing[0]?.news]).toEqual([null, [], null]);
    expect(now.limits).toContain('The report before was of other environments: this one is compared with none.');
  });
});

describe('a report that is of no environment', () => {
  it('does not say that all is well: the choice may be mistaken', () => {
    const { severity, title } = noticeOfReport(reportOf([]));
    expect([severity, title]).toEqual([
      'warning',
      'Drift report weekly: There is no environment that this report is of.',
    ]);
  });
});
