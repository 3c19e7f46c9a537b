import { describe, expect, it } from 'vitest';
import { configSchema } from '../../../shared/config/config.ts';
import { reportSchema } from '../../../shared/events/report.ts';
import type { Incident } from '../../../shared/memory/incident.ts';
import { emptyMemory, type Memory } from '../../../shared/memory/memory.ts';
import { statePaths } from '../../../shared/memory/state-paths.ts';
import { writeAcknowledgement } from '../../../shared/pipeline/common/acknowledgements.ts';
import { chosenEnvironments, oneEnvironment } from '../../../shared/pipeline/environments.ts';
import { listedIncidentSchema, listIncidents } from '../../../shared/pipeline/incidents.ts';
import { listReports, readReport } from '../../../shared/pipeline/kept-reports.ts';
import { happenedSchema, whatHappened } from '../../../shared/pipeline/what-happened.ts';
import { ledgerPath } from '../../../shared/source/ledger.ts';
import type { Repository } from '../../../shared/ports/git.ts';
import { exampleOf } from '../../contracts.ts';
import {
  clockAt,
  commitId,
  environmentText,
  repositories,
  repositoryWith,
  stateInMemory,
  unreachableRepository,
} from './ports.ts';

const clock = clockAt('2026-11-21T01:00:00Z');
const revision = `main@sha1:${commitId('0')}`;
const open: Incident = {
  ...{ id: '4be0d1a2c3f40516', since: '2026-11-21T00:10:00.000Z', occurrence: 2, reason: 'Drifted', revision },
  ...{ subject: 'Deployment acme/web', summary: 'image differs', told: true },
};
const closed: Incident = {
  ...{ id: '00000000000000aa', since: '2026-11-20T22:00:00.000Z', occurrence: 1, reason: 'Failed', revision },
  ...{ subject: '', summary: 'does not render', told: false, closedAt: '2026-11-20T23:00:00.000Z' },
};
const past: Memory['past'] = {
  from: '2026-11-19T00:00:00.000Z',
  incidents: [
    {
      ...{
        id: '00000000000000bb',
        reason: 'Drifted',
        since: '2026-11-20T01:00:00.000Z',
        until: '2026-11-20T02:00:00Z',
      },
      ...{ times: 1, revision, summary: 'replicas differ', by: ['kubectl'], healed: true, cause: null },
    },
  ],
  convergences: [{ revision, at: '2026-11-20T21:00:00.000Z', seconds: 4.2 }],
};

/** Of class `master`: acme, which is remembered so. */
async function worldOf({
  memory = {},
  repository = repositoryWith({ files: { 'environments/acme.yaml': environmentText('acme') } }),
}: { memory?: Partial<Memory>; repository?: Repository } = {}) {
  const state = stateInMemory(clock.now);
  const { memory: path } = statePaths({ repository: 'master', environment: 'acme' });
  await state.write({ path, value: { ...emptyMemory(clock.now()), ...memory }, ifGeneration: 'absent' });
  return { now: clock.now, state, repository: repositories(repository) };
}

const of = { repositories: ['master'] };

describe('the incidents', () => {
  it('are those that are open, and those that ended, with what is known of each', async () => {
    const ports = await worldOf({ memory: { cluster: 'sandbox', incident: open, incidents: [open, closed], past } });
    const { incidents, unread } = await listIncidents(of, ports);
    expect(unread).toEqual([]);
    for (const incident of incidents) expect(listedIncidentSchema.parse(incident)).toEqual(incident);
    const about = { kind: 'environment', about: 'master/acme', environment: 'acme', cluster: 'sandbox' };
    expect(incidents).toMatchObject([
      { ...about, id: open.id, until: null, told: true, healed: null, occurrence: 2, object: open.subject },
      { ...about, id: '00000000000000bb', until: '2026-11-20T02:00:00.000Z', told: null, healed: true },
      { ...about, id: closed.id, until: closed.closedAt, told: false, healed: false, object: '' },
    ]);
  });

  it('name as the cause of one what its alert says, or the commit that it is of, and no other', async () => {
    const found = {
      ...{ commit: commitId('c'), subject: 's', committedAt: '2026-11-20T00:00:00.000Z', author: null, artifact: null },
      ...{ build: null, restores: null },
    };
    const causeOf = async (incident: Incident) => {
      const ports = await worldOf({ memory: { incident, cause: { found, inputs: {} } } });
      return (await listIncidents(of, ports)).incidents[0]?.cause;
    };
    expect(await causeOf({ ...open, cause: found.commit })).toMatchObject({ commit: found.commit });
    expect(await causeOf({ ...open, cause: commitId('d') })).toBeNull();
    const diff = {
      ...{ environment: 'acme', repository: 'master', cluster: 'sandbox', revision, cause: null, reason: open.reason },
      ...{ incident: open.id, subject: '', since: open.since, occurrence: 1, action: 'none' as const, summary: 's' },
      ...{ objects: [], omitted: 0, rollback: null, policy: null },
    };
    expect(await causeOf({ ...open, cause: found.commit, diff })).toBeNull();
  });

  it('say who takes care of one, until the time is over, and of that occurrence alone', async () => {
    const ports = await worldOf({ memory: { incident: open } });
    const said = { version: 1, by: 'Ana', at: clock.now().toISOString(), comment: null } as const;
    const acknowledge = async (until: string | null, since = open.since) =>
      writeAcknowledgement({ incident: open.id, said: { ...said, until, since } }, ports);
    const acknowledged = async () => (await listIncidents(of, ports)).incidents[0]?.acknowledged;
    expect(await acknowledged()).toBeNull();
    await acknowledge(null);
    expect(await acknowledged()).toEqual({ by: 'Ana', at: said.at, until: null, comment: null });
    await acknowledge('2026-11-21T00:59:00.000Z');
    expect(await acknowledged()).toBeNull();
    await acknowledge(null, '2026-11-20T00:00:00.000Z');
    expect(await acknowledged()).toBeNull();
  });

  it('have uploads that are refused among them', async () => {
    const ports = await worldOf();
    await ports.state.write({
      ...{ path: ledgerPath({ repositoryClass: 'master' }), value: JSON.parse(exampleOf('json ledger')) },
      ifGeneration: 'absent',
    });
    expect((await listIncidents(of, ports)).incidents).toMatchObject([
      { kind: 'upload', about: 'gs://family-master/charts/broken.tgz#1763683200123457', reason: 'InvalidArchive' },
    ]);
  });

  it('say of what nobody could read that there may be some', async () => {
    const ports = await worldOf();
    ports.state.spoil(statePaths({ repository: 'master', environment: 'acme' }).memory, 'no JSON');
    ports.state.spoil(ledgerPath({ repositoryClass: 'master' }), '');
    const { incidents, unread } = await listIncidents(of, ports);
    expect(incidents).toEqual([]);
    expect(unread.map(({ what }) => what)).toEqual(['master/acme', 'uploads of master']);
  });
});

describe('what happened', () => {
  const head = {
    id: commitId('a'),
    tree: 't',
    parents: [],
    message: 'Raise the limits\n',
    committedAt: new Date('2026-11-20T20:00:00Z'),
  };
  const upload = {
    ...{ id: commitId('b'), tree: 't', parents: [], committedAt: new Date('2026-11-20T19:00:00Z') },
    message: 'Copy\n\nArtifact: gs://family-master/a.yaml#1\nUploaded-By: Ana <ana@example.com>\n',
  };
  const repository: Repository = {
    ...repositoryWith({ files: {} }),
    history: async (range) =>
      'since' in range ? [head, upload].filter(({ committedAt }) => committedAt >= range.since) : [],
  };
  const since = new Date('2026-11-19T12:00:00Z');

  it('is told of Git and of what is remembered, each under an id of its own', async () => {
    const ports = await worldOf({ repository, memory: { incidents: [open, closed], incident: open, past } });
    const { events, incomplete, unread } = await whatHappened({ ...of, since }, ports);
    for (const event of events) expect(happenedSchema.parse(event)).toEqual(event);
    expect(new Set(events.map(({ id }) => id)).size).toBe(events.length);
    expect({ incomplete, unread }).toEqual({ incomplete: [], unread: [] });
    const told = events.toSorted((a, b) => (a.at < b.at ? 1 : -1));
    expect(told.map(({ kind, at }) => `${at.slice(5, 16)} ${kind}`)).toEqual([
      '11-21T00:10 incident-opened',
      '11-20T23:00 incident-closed',
      '11-20T22:00 incident-opened',
      '11-20T21:00 converged',
      '11-20T20:00 commit',
      '11-20T19:00 commit',
      '11-20T02:00 incident-closed',
      '11-20T01:00 incident-opened',
    ]);
    expect(told[5]).toMatchObject({
      artifacts: ['gs://family-master/a.yaml#1'],
      uploadedBy: ['Ana <ana@example.com>'],
    });
  });

  it('is told since then, and says of what more is not remembered', async () => {
    const ports = await worldOf({ repository, memory: { incident: open, past } });
    const late = await whatHappened({ ...of, since: new Date('2026-11-20T23:30:00Z') }, ports);
    expect(late.events.map(({ kind }) => kind)).toEqual(['incident-opened']);
    const early = await whatHappened({ ...of, since: new Date('2026-11-18T00:00:00Z') }, ports);
    expect(early.incomplete).toEqual([{ environment: 'master/acme', from: past.from }]);
  });

  it('is told of the state where Git does not answer, which is said', async () => {
    const ports = await worldOf({ repository: unreachableRepository('master'), memory: { past } });
    const { events, unread } = await whatHappened({ ...of, since }, ports);
    expect(events.map(({ kind }) => kind)).toContain('converged');
    expect(unread).toEqual([{ what: 'master', message: expect.stringContaining('does not answer') }]);
  });
});

describe('the reports', () => {
  const weekly = reportSchema.parse(JSON.parse(exampleOf('json report')));

  async function kept() {
    const ports = await worldOf();
    for (const path of ['2026-11-15-weekly', '2026-11-22-weekly', 'latest-weekly'])
      await ports.state.write({ path: `reports/${path}.json`, value: weekly, ifGeneration: 'absent' });
    ports.state.spoil('reports/2026-11-22-weekly.html', '<html>');
    return ports;
  }

  it('are those of each day, with what is there of each', async () => {
    expect(await listReports({ bucket: 'family-state' }, await kept())).toEqual([
      expect.objectContaining({ id: '2026-11-15-weekly', name: 'weekly', due: '2026-11-15', html: null }),
      {
        ...{
          id: '2026-11-22-weekly',
          name: 'weekly',
          due: '2026-11-22',
          keptAt: clock.now().toISOString(),
          markdown: null,
        },
        ...{
          html: 'gs://family-state/reports/2026-11-22-weekly.html',
          json: 'gs://family-state/reports/2026-11-22-weekly.json',
        },
      },
    ]);
  });

  it('are each had whole; what is none is not found, and what nobody can read is not absent', async () => {
    const ports = await kept();
    expect(await readReport({ id: '2026-11-22-weekly' }, ports)).toEqual(weekly);
    for (const id of ['2026-11-23-weekly', 'latest-weekly', '../heads/master', '2026-11-22-weekly/../x', ''])
      await expect(readReport({ id }, ports)).rejects.toMatchObject({ code: 'NotFound', subject: id });
    ports.state.spoil('reports/2026-11-22-weekly.json', '{"name": ');
    await expect(readReport({ id: '2026-11-22-weekly' }, ports)).rejects.toMatchObject({ disposition: 'retry' });
  });
});

describe('the environments', () => {
  const config = configSchema.parse({
    ...{ project: 'local', state: { bucket: 'family-state' }, clusters: { sandbox: { kubeconfig: '/k' } } },
    repositories: {
      master: { url: 'https://git.example.com/m.git', bucket: 'm' },
      staging: { url: 'https://git.example.com/s.git', bucket: 's' },
    },
  });
  const all = { classes: [], labels: [], isOfProblems: false };
  const labelled = environmentText('acme').replace('{ name: acme }', '{ name: acme, labels: { customer: acme } }');
  const files = {
    'environments/acme.yaml': labelled,
    'environments/globex.yaml': environmentText('globex'),
    'environments/wrong.yaml': 'kind: Environment\n',
  };
  const attempted = { commit: commitId('0'), revision, at: '2026-11-21T00:00:00.000Z', inputs: {} };
  const settled: Partial<Memory> = { attempted, converged: { ...attempted, renderKey: '00ff' }, health: 'Healthy' };

  async function portsOf() {
    const master = repositoryWith({ files });
    const { state } = await worldOf({ memory: settled });
    return { now: clock.now, state, repository: repositories(master, unreachableRepository('staging')) };
  }

  it.each([
    [all, ['acme', 'globex', 'wrong']],
    [{ ...all, classes: ['mas*'] }, ['acme', 'globex', 'wrong']],
    [{ ...all, classes: ['staging'] }, []],
    // What nobody can read may say any label.
    [{ ...all, labels: [['customer', 'acme'] as const] }, ['acme', 'wrong']],
    [{ ...all, isOfProblems: true }, ['globex', 'wrong']],
  ])('are chosen by %o', async (choice, names) => {
    const { environments, unreadable } = await chosenEnvironments(config, choice, await portsOf());
    const shown = environments.map(({ name }) => name);
    expect(shown).toEqual(names);
    expect(unreadable.map(({ repository }) => repository)).toEqual(choice.classes[0] === 'mas*' ? [] : ['staging']);
  });

  it('are refused of a class that is none', async () => {
    const choice = { ...all, classes: ['mastre'] };
    await expect(chosenEnvironments(config, choice, await portsOf())).rejects.toMatchObject({
      code: 'BadRequest',
      subject: 'class',
    });
  });

  it('are each had alone; one that is none is not found, and of a class that cannot be read nobody knows', async () => {
    const ports = await portsOf();
    const one = async (repository: string, environment: string) =>
      oneEnvironment(config, { repository, environment }, ports);
    expect(await one('master', 'acme')).toMatchObject({
      repository: 'master',
      name: 'acme',
      labels: { customer: 'acme' },
    });
    await expect(one('master', 'nobody')).rejects.toMatchObject({ code: 'NotFound', subject: 'master/nobody' });
    await expect(one('toString', 'acme')).rejects.toMatchObject({ code: 'NotFound', subject: 'toString' });
    await expect(one('staging', 'acme')).rejects.toMatchObject({
      code: 'GitUnavailable',
      subject: 'staging/acme',
      disposition: 'retry',
    });
  });
});
