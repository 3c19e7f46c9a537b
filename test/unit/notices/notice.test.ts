import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Alert, Diff } from '../../../shared/events/alert.ts';
import { boundedText } from '../../../shared/notices/bounded-text.ts';
import { noticeOf } from '../../../shared/notices/notice.ts';

const diff: Diff = {
  ...{ environment: 'acme-production', repository: 'master', cluster: 'production-eu' },
  revision: `main@sha1:${'9f2c6a1b3d4e'.padEnd(40, '0')}`,
  cause: {
    ...{ commit: '7b1e6a1b3d4e'.padEnd(40, '0'), subject: 'Copy charts/shop.tgz', author: 'Ana <ana@example.com>' },
    artifact: 'gs://family-master/charts/shop.tgz#17636832',
    ...{ build: null, restores: null },
  },
  ...{ reason: 'Drifted', incident: '4be0d1a2c3f40516', subject: 'Deployment acme/web', occurrence: 2 },
  ...{ since: '2026-11-21T01:02:03.000Z', action: 'healing', summary: 'Deployment acme/web: image differs' },
  objects: [
    {
      ...{ apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'acme', name: 'web', change: 'modified' },
      message: 'image differs',
      fields: [{ path: '/spec/image', desired: 'shop:1.4.2', observed: 'shop:debug', manager: 'kubectl-set' }],
    },
  ],
  ...{ omitted: 0, rollback: null, policy: { suspend: false, selfHeal: true, prune: false, ignored: 0 } },
};
const converged: Extract<Alert, { topic: 'converged' }> = {
  topic: 'converged',
  data: {
    ...{ environment: 'acme-production', repository: 'master', cluster: 'production-eu', revision: 'main@sha1:9f2c' },
    ...{ incident: diff.incident, occurrence: 2, since: diff.since, cause: null, seconds: 4.2, policy: null },
    changes: { created: 0, configured: 1, unchanged: 40, pruned: 0 },
  },
};
const told = (of: Partial<Diff>, isTold = false) => noticeOf({ topic: 'diff', data: { ...diff, ...of } }, { isTold });

describe('the notice of an alert', () => {
  it('says what differs, where, since when, by whom, and what becomes of it', () => {
    expect(told({})).toEqual({
      incident: { key: '4be0d1a2c3f40516', occurrence: 2, since: '2026-11-21T01:02:03.000Z' },
      ...{ state: 'opened', severity: 'warning', about: 'master/acme-production' },
      title: 'master/acme-production Drifted: Deployment acme/web: image differs',
      lines: [
        'Deployment acme/web: image differs (by kubectl-set)',
        '/spec/image is shop:debug, and Git says shop:1.4.2',
        'Since 2026-11-21T01:02:03.000Z, for the 2nd time. It is being undone.',
        'At main@sha1:9f2c6a1b3d4e in production-eu',
        'Changed last by 7b1e6a1b3d4e "Copy charts/shop.tgz" by Ana <ana@example.com>, of gs://family-master/charts/shop.tgz#17636832',
        'Its file says: prune: false',
      ],
    });
  });

  it('names who asked for the commit, and why, where a person did', () => {
    const [requested, author] = [{ action: 'suspend', by: 'Olivia Ops', reason: 'moves' }, 'Olivia Ops'];
    const of = { commit: 'c'.repeat(40), subject: 'Suspend shop', author, artifact: null, build: null, restores: null };
    const lineOf = (cause: Diff['cause']) => told({ cause }).lines[4];
    expect(lineOf({ ...of, requested })).toBe(
      'Changed last by cccccccccccc "Suspend shop" asked for by Olivia Ops: moves',
    );
    expect(lineOf({ ...of, requested: { ...requested, reason: null } })).toMatch(/ asked for by Olivia Ops$/);
  });

  it('says for how many days what is suspended has stood', () => {
    const lineOf = (reminder: number) => told({ reminder, action: 'none', occurrence: 1 }).lines[2];
    const since = 'Since 2026-11-21T01:02:03.000Z. Nothing is done about it. It has stood for';
    expect(lineOf(1)).toBe(`${since} 1 day, and is told once a day.`);
    expect(lineOf(12)).toBe(`${since} 12 days, and is told once a day.`);
  });

  it('says by which commands what waits for an answer is answered, and that nobody has', () => {
    const answers = { revert: 'converge revert 4be0d1a2c3f40516', accept: 'converge accept 4be0d1a2c3f40516' };
    const policy = { suspend: false, selfHeal: false, asks: true, prune: true, ignored: 0 };
    const { lines } = told({ answers, policy, action: 'none', occurrence: 1 });
    expect(lines.slice(2, 5)).toEqual([
      'Since 2026-11-21T01:02:03.000Z. Nothing is done about it until somebody answers.',
      'To undo it: converge revert 4be0d1a2c3f40516',
      'To have it in Git: converge accept 4be0d1a2c3f40516',
    ]);
    expect(lines.at(-1)).toBe('Its file says: selfHeal: ask');
    expect(told({ answers, reminder: 2, action: 'none' }).lines[2]).toMatch(
      / until somebody answers\. Nobody has answered yet: it is told again until somebody does\.$/,
    );
  });

  it('says at the end who had it undone, and why', () => {
    const ended = (reason?: string) => {
      const reverted = { by: 'Olga Ops <olga@example.com>', at: diff.since, ...(reason && { reason }) };
      return noticeOf({ ...converged, data: { ...converged.data, reverted } }, { isTold: true }).lines;
    };
    const by = 'It was undone at the request of Olga Ops <olga@example.com>';
    expect(ended()).toContain(by);
    expect(ended('the test is over')).toContain(`${by}: the test is over`);
  });

  it('says who had a freeze passed over, and why', () => {
    const override = { window: 'year-end', by: 'Anna <anna@example.com>', reason: 'a hole is closed', at: diff.since };
    const said = 'during the freeze year-end, by Anna <anna@example.com>, because: a hole is closed';
    const ended = noticeOf({ ...converged, data: { ...converged.data, override } }, { isTold: true });
    expect(ended.lines).toContain(`Applied ${said}`);
    expect(told({ override }).lines).toContain(`Asked for ${said}`);
  });

  it('says until when nothing is done about it in a freeze, and what waits', () => {
    const frozen = {
      ...{ until: '2027-01-06T17:00:00.000Z', window: 'year-end', reason: 'the books are closed' },
      waits: `main@sha1:${'5b1c9d2e7f30'.padEnd(40, '0')}`,
    };
    const policy = { suspend: false, selfHeal: true, prune: true, ignored: 0, frozen };
    const { lines } = told({ action: 'none', policy });
    expect(lines).toContain('Since 2026-11-21T01:02:03.000Z, for the 2nd time. Nothing is done about it.');
    expect(lines.at(-1)).toBe(
      'It is frozen until 2027-01-06T17:00:00.000Z by year-end (the books are closed); main@sha1:5b1c9d2e7f30 waits',
    );
  });

  it('says of the first field that drifted what is there, and what Git says', () => {
    const web = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web', change: 'modified' as const, message: 'x' };
    const lineOf = (...fields: Diff['objects'][number]['fields']) => told({ objects: [{ ...web, fields }] }).lines[1];
    const paused = { path: '/spec/paused', observed: true };
    expect(lineOf(paused, { path: '/spec/replicas', desired: 2, observed: 3 })).toBe(
      '/spec/paused is true, and Git says nothing, and 1 more',
    );
    expect(lineOf({ path: '/spec/replicas', desired: 2 })).toBe('/spec/replicas is nothing, and Git says 2');
    expect(lineOf({ path: '/data/key', omitted: ['desired', 'observed'] })).toMatch(/^Since /);
  });

  it('names the object that the cause is of, and how often its event came', () => {
    const web = { apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'acme', name: 'web', fields: [] };
    const pod = 'Pod acme/web-7c9d-x2';
    const event = { object: pod, reason: 'FailedMount', message: 'no keys', count: 7, last: '2026-11-21T01:02:03Z' };
    const lineOf = (why: Diff['objects'][number]['why']) =>
      told({ objects: [{ ...web, change: 'unhealthy', message: 'it is starting', why }] }).lines[0];
    expect(lineOf({ object: pod, reason: 'FailedMount', event })).toBe(
      'Deployment acme/web: it is starting (Pod acme/web-7c9d-x2: FailedMount, 7 times, last 2026-11-21T01:02:03Z)',
    );
    expect(lineOf({ object: pod, reason: 'Error' })).toBe('Deployment acme/web: it is starting (Pod acme/web-7c9d-x2)');
  });

  it('names the file of what was refused, and the line where it is known', () => {
    const web = {
      apiVersion: 'v1',
      kind: 'Service',
      name: 'web',
      fields: [],
      source: 'charts/shop/templates/web.yaml',
    };
    const lineOf = (change: 'failed' | 'modified', line?: number) =>
      told({ objects: [{ ...web, change, message: 'is invalid', line }] }).lines[0];
    expect(lineOf('failed')).toBe('Service web: is invalid in charts/shop/templates/web.yaml');
    expect(lineOf('failed', 12)).toBe('Service web: is invalid in charts/shop/templates/web.yaml:12');
    expect(lineOf('modified')).toBe('Service web: is invalid');
  });

  it('says what Git changed for what broke', () => {
    const web = { apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'acme', name: 'web', fields: [] };
    const since = `main@sha1:${'1'.repeat(40)}`;
    const lineOf = (changed: Omit<NonNullable<Diff['objects'][number]['changed']>, 'since'>) =>
      told({ objects: [{ ...web, change: 'unhealthy', message: 'x', changed: { since, ...changed } }] }).lines[1];
    const inputs = ['charts/shop'];
    expect(lineOf({ inputs, fields: [{ path: '/spec/replicas', before: 1 }], omittedFields: 2 })).toBe(
      'Deployment web was changed since main@sha1:111111111111: /spec/replicas 1 → nothing, and 2 more',
    );
    expect(lineOf({ inputs })).toBe('Changed since main@sha1:111111111111: charts/shop');
    expect(lineOf({ inputs: [], fields: [] })).toBe(
      'Nothing that Deployment web is made of was changed since main@sha1:111111111111',
    );
    expect(lineOf({ inputs: ['a', 'b', 'c', 'd'], omittedInputs: 2 })).toBe(
      'Changed since main@sha1:111111111111: a, b, c and 3 more',
    );
    expect(lineOf({ inputs, fields: [] })).toBe('Deployment web itself was not changed since main@sha1:111111111111');
    expect(lineOf({ inputs, added: true })).toBe('Deployment web is new since main@sha1:111111111111');
  });

  it('says what becomes of what failed: what runs stays, and what is tried next', () => {
    const [object] = diff.objects;
    if (object === undefined) throw new Error('is above');
    const of: Partial<Diff> = { action: 'none', occurrence: 1, objects: [{ ...object, fields: [] }] };
    const said = (own: Partial<Diff>) => told({ ...of, ...own }).lines[1];
    const since = 'Since 2026-11-21T01:02:03.000Z.';
    expect(said({ reason: 'Failed' })).toBe(
      `${since} What runs stays as it is. It is tried again after a pause, and at once by the next commit that changes an input.`,
    );
    expect(said({ reason: 'Drifted' })).toBe(`${since} Nothing is done about it.`);
    const rollback = { to: `main@sha1:${'1'.repeat(40)}`, commit: '2'.repeat(40) };
    expect(told({ ...of, reason: 'Failed', rollback }).lines.slice(1, 3)).toEqual([
      since,
      'At main@sha1:9f2c6a1b3d4e in production-eu',
    ]);
    expect(told({ ...of, reason: 'Failed', rollback }).lines).toContain('Rolled back to main@sha1:111111111111');
  });

  it('says that one that was told has changed', () => {
    expect(told({}, true).state).toBe('changed');
  });

  it('says what an incident ended with', () => {
    expect(noticeOf(converged, { isTold: true })).toEqual({
      incident: { key: '4be0d1a2c3f40516', occurrence: 2, since: '2026-11-21T01:02:03.000Z' },
      ...{ state: 'closed', severity: 'info', about: 'master/acme-production' },
      title: 'master/acme-production converged',
      lines: [
        '0 created, 1 configured, 40 unchanged, 0 pruned, in 4.2 s',
        'It had differed since 2026-11-21T01:02:03.000Z',
        'At main@sha1:9f2c in production-eu',
      ],
    });
  });

  it('says who accepted what ended', () => {
    const accepted = { by: 'Ana <ana@example.com>', commit: '9f2c6a1b3d4e5f60718293a4b5c6d7e8f9012345' };
    const { lines } = noticeOf({ topic: 'converged', data: { ...converged.data, accepted } }, { isTold: true });
    expect(lines[2]).toBe('Accepted by Ana <ana@example.com>, with commit 9f2c6a1b3d4e');
  });

  it('is of no incident where a revision converged', () => {
    const data = { ...converged.data, incident: null, occurrence: null, since: null };
    expect(noticeOf({ topic: 'converged', data }, { isTold: false }).incident).toBeNull();
  });

  it('has few lines, however much differs', () => {
    const [object] = diff.objects;
    if (object === undefined) throw new Error('is above');
    const { lines } = told({ objects: Array.from({ length: 50 }, () => object), omitted: 9_950 });
    expect(lines.filter((line) => line.startsWith('Deployment'))).toHaveLength(5);
    expect(lines).toContain('and 9995 more');
  });

  it('cuts what is long, and says how long it was', () => {
    const { title } = told({ summary: 'x'.repeat(3_000) });
    expect(title).toMatch(/^master\/acme-production Drifted: x+… \(3032 characters\)$/);
    expect(title).toHaveLength(200);
  });

  it('has a key that paths and pagers take, whatever the id', () => {
    expect(told({ incident: '../../x' }).incident?.key).toMatch(/^[0-9a-f]{32}$/);
  });

  it('is as grave as its reason', () => {
    const reasons = ['Failed', 'Unhealthy', 'Guarded', 'Blocked', 'Drifted'] as const;
    const severities = reasons.map((reason) => told({ reason }).severity);
    expect(severities).toEqual(['error', 'critical', 'error', 'warning', 'warning']);
  });
});

describe('a text of a notice', () => {
  it('moves no cursor, breaks no line and turns no direction', () => {
    expect(boundedText('a\u001b[31mred\u202etxt\nnext\u2028line', 100)).toBe(
      String.raw`a\u001b[31mred\u202etxt next\u2028line`,
    );
  });

  it('is never longer than it may be, and of whole characters without controls', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 400 }), fc.integer({ min: 40, max: 300 }), (text, largest) => {
        const bounded = boundedText(text, largest);
        expect(bounded.length).toBeLessThanOrEqual(largest);
        expect(bounded.isWellFormed()).toBe(true);
        // oxlint-disable-next-line no-control-regex
        expect(bounded).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e]/);
      }),
    );
  });
});
