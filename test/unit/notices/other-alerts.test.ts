import { describe, expect, it } from 'vitest';
import type { ReceivedAlert } from '../../../shared/events/received-alert.ts';
import { noticeOf, selectableOf } from '../../../shared/notices/notice.ts';

const since = '2026-11-21T01:02:03.000Z';
const cluster = {
  subject: 'cluster/production-eu',
  kind: 'cluster',
  name: 'production-eu',
  incident: '4be0d1a2c3f40516',
};
const behind = { environments: ['master/acme', 'master/globex'], count: 1_000 };
const unreachable = {
  kind: 'dependency',
  topic: 'diff',
  data: {
    ...{ ...cluster, kind: 'cluster', since, ...behind },
    ...{ code: 'ClusterUnavailable', message: 'GET /api got no answer in 3 tries', remedy: 'check it' },
  },
} as const satisfies ReceivedAlert;
const reachable = {
  kind: 'dependency',
  topic: 'converged',
  data: { ...cluster, kind: 'cluster', since, ...behind, outcome: 'answered', seconds: 301 },
} as const satisfies ReceivedAlert;

const artifact = 'gs://family-master/environments/acme.yaml#1763683200123457';
const refused = {
  kind: 'upload',
  topic: 'diff',
  data: {
    ...{ repository: 'master', artifact, incident: '7c41b0a9e2d3f586', since, reason: 'InvalidEnvironment' },
    ...{ message: 'environments/acme.yaml:7: spec: unknown key dependson', remedy: null, author: 'Ana', build: null },
  },
} as const satisfies ReceivedAlert;
const accepted = {
  kind: 'upload',
  topic: 'converged',
  data: {
    ...{ repository: 'master', artifact, incident: '7c41b0a9e2d3f586', since, outcome: 'committed' },
    ...{ commit: '9f2c6a1b3d4e5f60718293a4b5c6d7e8f9012345', unused: [], omitted: 0 },
  },
} as const satisfies ReceivedAlert;

describe('the notice of a dependency', () => {
  it('says what does not answer, since when, and who stands on it', () => {
    expect(noticeOf(unreachable, { isTold: false })).toEqual({
      incident: { key: '4be0d1a2c3f40516', occurrence: 1, since },
      state: 'opened',
      severity: 'critical',
      about: 'cluster/production-eu',
      title: 'cluster/production-eu does not answer',
      lines: [
        'ClusterUnavailable: GET /api got no answer in 3 tries',
        'To do: check it',
        `Since ${since}`,
        '1000 stand on it: master/acme, master/globex and 998 more',
      ],
    });
  });

  it('ends the same incident', () => {
    const { incident, state, severity, title, lines } = noticeOf(reachable, { isTold: true });
    expect(incident).toEqual(noticeOf(unreachable, { isTold: true }).incident);
    expect({ state, severity, title }).toEqual({
      ...{ state: 'closed', severity: 'info', title: 'cluster/production-eu answers again' },
    });
    expect(lines[0]).toBe(`It had not answered since ${since}, for 301 s`);
  });
});

describe('the notice of an upload', () => {
  it('says why it is refused, and who uploaded it', () => {
    expect(noticeOf(refused, { isTold: true })).toMatchObject({
      ...{ state: 'changed', severity: 'warning', about: artifact },
      title: `${artifact} is refused: InvalidEnvironment: environments/acme.yaml:7: spec: unknown key dependson`,
      lines: ['Uploaded by Ana', `Since ${since}. Nothing of it is in Git; the upload that mends it ends this.`],
    });
  });

  it('says in its lines why, where its title has no room for all of it', () => {
    const message = `holds ${'x'.repeat(150)} and ends`;
    const { title, lines } = noticeOf({ ...refused, data: { ...refused.data, message } }, { isTold: false });
    expect(title).not.toContain('and ends');
    expect(lines[0]).toBe(`InvalidEnvironment: ${message}`);
  });

  it('ends the same incident with the commit', () => {
    expect(noticeOf(accepted, { isTold: true })).toMatchObject({
      incident: noticeOf(refused, { isTold: true }).incident,
      ...{ state: 'closed', severity: 'info', title: `${artifact} is in Git` },
      lines: ['In commit 9f2c6a1b3d4e', `It had been refused since ${since}`],
    });
  });

  it('of which nothing comes names the files, and is of no incident', () => {
    const path = 'deploy/environments/acme.yaml';
    const unused = [{ path, reason: 'IgnoredFile' as const, message: 'is no environment file there' }];
    const alert = { ...accepted, data: { ...accepted.data, incident: null, since: null, unused, omitted: 2 } };
    expect(noticeOf(alert, { isTold: false })).toMatchObject({
      ...{ incident: null, title: `${artifact} is in Git, and nothing comes of it` },
      lines: ['In commit 9f2c6a1b3d4e', `${path} is no environment file there`, 'and 2 more'],
    });
  });
});

describe('what an alert is chosen by', () => {
  it('is of a cluster its name, of a Git host its class', () => {
    expect(selectableOf(unreachable)).toEqual({
      ...{ kind: 'dependency', severity: 'critical', reason: 'ClusterUnavailable', cluster: 'production-eu' },
      ...{ repositoryClass: undefined, environment: undefined, labels: {} },
    });
    const host = { ...unreachable, data: { ...unreachable.data, kind: 'repository' as const, name: 'master' } };
    expect(selectableOf(host)).toMatchObject({ repositoryClass: 'master', cluster: undefined });
  });

  it('is of an upload its class, and why it is refused', () => {
    expect(selectableOf(refused)).toMatchObject({
      ...{ kind: 'upload', repositoryClass: 'master', reason: 'InvalidEnvironment', severity: 'warning' },
    });
  });
});
