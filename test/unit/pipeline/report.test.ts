import { describe, expect, it } from 'vitest';
import { parseReport, reportSchema } from '../../../shared/events/report.ts';
import { emptyMemory, type Memory } from '../../../shared/memory/memory.ts';
import { statePaths } from '../../../shared/memory/state-paths.ts';
import { dueReports, gatherReport, report, type ReportAsked } from '../../../shared/pipeline/report.ts';
import { ledgerPath } from '../../../shared/source/ledger.ts';
import { incidentOf } from '../report/reported.ts';
import {
  clockAt,
  commitId,
  environmentText,
  recordingTopics,
  repositories,
  repositoryWith,
  stateInMemory,
  unreachableRepository,
} from './ports.ts';

const due = new Date('2026-11-22T06:00:00.000Z');
const labelled = (name: string, customer: string): string =>
  environmentText(name).replace('name: ', `labels: { customer: ${customer} }, name: `);
const files = {
  'environments/acme.yaml': labelled('acme', 'acme'),
  'environments/beta.yaml': labelled('beta', 'beta'),
};
const attempted = { commit: commitId('0'), revision: 'r', at: '2026-11-20T00:00:00.000Z', inputs: {} };

async function world({ memories = {} }: { memories?: Readonly<Record<string, Partial<Memory>>> } = {}) {
  const clock = clockAt('2026-11-22T06:00:01Z');
  const state = stateInMemory(clock.now);
  for (const [environment, memory] of Object.entries(memories)) {
    const { memory: path } = statePaths({ repository: 'master', environment });
    const value = { ...emptyMemory(new Date(attempted.at)), attempted, ...memory };
    await state.write({ path, value, ifGeneration: 'absent' });
  }
  const topics = recordingTopics();
  const documents = new Map<string, { text: string; type: string }>();
  const ports = {
    ...{ now: clock.now, state, topics, repository: repositories(repositoryWith({ files })) },
    documents: {
      write: async ({ path, ...document }: { path: string; text: string; type: string }) => {
        documents.set(path, document);
        return `gs://family-state/${path}`;
      },
    },
  };
  return { clock, state, topics, documents, ports };
}

const asked = (rest: Partial<ReportAsked> = {}) => ({
  ...{
    name: 'weekly',
    chosen: { classes: [], environments: [], labels: {} },
    repositories: ['master'],
    interval: 300_000,
    due,
  },
  ...rest,
});

describe('a report that is due', () => {
  it('is kept as HTML, Markdown and JSON by its date, and published with where', async () => {
    const { ports, documents, state, topics } = await world({ memories: { acme: { incident: incidentOf() } } });
    const made = await report(asked(), ports);
    const kept = {
      html: 'gs://family-state/reports/2026-11-22-weekly.html',
      markdown: 'gs://family-state/reports/2026-11-22-weekly.md',
      json: 'gs://family-state/reports/2026-11-22-weekly.json',
    };
    expect(made).toMatchObject({ kept, counts: { environments: 2, differing: 1 }, from: '2026-11-15T06:00:01.000Z' });
    expect([...documents].map(([path, { type }]) => [path, type])).toEqual([
      ['reports/2026-11-22-weekly.html', 'text/html; charset=utf-8'],
      ['reports/2026-11-22-weekly.md', 'text/markdown; charset=utf-8'],
    ]);
    expect(documents.get('reports/2026-11-22-weekly.html')?.text).toContain('Deployment acme/web: image differs');
    for (const path of ['reports/2026-11-22-weekly.json', 'reports/latest-weekly.json'])
      expect(reportSchema.parse(state.valueAt(path))).toEqual(made);
    expect(topics.published).toMatchObject([
      { topic: 'report', event: { type: 'dev.converge.report.v1', subject: 'report/weekly' } },
    ]);
    const [{ event }] = topics.published as [(typeof topics.published)[0]];
    expect(
      parseReport({
        ...event,
        time: event.time.toISOString(),
        data: JSON.parse(JSON.stringify(event.data)) as unknown,
      }),
    ).toEqual(made);
  });

  it('is compared with the last one of its name, and tells of the time since then', async () => {
    const { ports, state, clock } = await world({ memories: { acme: { incident: incidentOf() } } });
    const first = await report(asked(), ports);
    expect(first.differing).toMatchObject([{ news: null }]);
    clock.forward(86_400);
    const { memory: path } = statePaths({ repository: 'master', environment: 'acme' });
    const incidents = [incidentOf(), incidentOf({ id: 'other', since: '2026-11-22T20:00:00.000Z' })];
    await state.write({ path, value: { ...emptyMemory(due), attempted, incidents }, ifGeneration: 'any' });
    const second = await report(asked({ due: new Date('2026-11-23T06:00:00Z') }), ports);
    expect(second).toMatchObject({ before: first.at, from: first.at });
    expect(second.differing.map(({ news }) => news)).toEqual(['still', 'new']);
  });

  it('is made once for its time, and published again where the call comes again', async () => {
    const { ports, topics, clock, documents } = await world();
    const first = await report(asked(), ports);
    documents.clear();
    clock.forward(30);
    expect(await report(asked(), ports)).toEqual(first);
    expect(documents.size).toBe(0);
    expect(new Set(topics.published.map(({ event }) => event.id)).size).toBe(1);
    expect(topics.published).toHaveLength(2);
  });

  it.each([
    { what: 'no JSON', why: 'is no JSON' },
    { what: '{"version":9}', why: 'was written by a newer Converge, in version 9' },
  ])('is made anew where the last one cannot be read ($why), and says so', async ({ what, why }) => {
    const { ports, state, documents } = await world();
    state.spoil('reports/latest-weekly.json', what);
    const made = await report(asked(), ports);
    expect(made).toMatchObject({
      before: null,
      limits: expect.arrayContaining([
        expect.stringContaining(`compared with none: reports/latest-weekly.json ${why}`),
      ]),
    });
    expect(documents.get('reports/2026-11-22-weekly.html')?.text).not.toContain('there is none before');
  });

  it('says field by field what has differed for longest, of more than it lists, and what was rolled back of the rest', async () => {
    const since = (minute: number): string =>
      new Date(Date.parse('2026-11-20T00:00:00.000Z') + minute * 60_000).toISOString();
    const open = (minute: number) => incidentOf({ id: `i${minute}`, since: since(minute) });
    const incidents = Array.from({ length: 1_200 }, (_, minute) => open(minute));
    const rollback = { to: commitId('1'), commit: commitId('2') };
    const { diff } = open(1_200);
    const last = { ...open(1_200), ...(diff === undefined ? {} : { diff: { ...diff, rollback } }) };
    const { ports } = await world({
      memories: { acme: { incidents: incidents.slice(0, 600) }, beta: { incidents: [...incidents.slice(600), last] } },
    });
    const made = await gatherReport(asked(), ports);
    expect(made.differing.map(({ since: at }) => at)).toEqual(incidents.slice(0, 500).map(({ since: at }) => at));
    expect(
      made.differing.every(({ changes: [first], by }) => first?.observed === 'shop:1.4.3' && by.length === 1),
    ).toBe(true);
    expect(made.omitted).toEqual({ differing: 701 });
    expect(made.rolledBack).toMatchObject([{ commit: rollback.commit }]);
  });

  it('is published with no more than receivers take', async () => {
    const name = (index: number): string => `e${index}`;
    const many = Object.fromEntries(
      Array.from({ length: 400 }, (_, index) => [
        name(index),
        { incident: incidentOf({ summary: 'x'.repeat(2_000) }) },
      ]),
    );
    const { ports, topics } = await world({ memories: many });
    ports.repository = repositories(
      repositoryWith({
        files: Object.fromEntries(
          Object.keys(many).map((each) => [`environments/${each}.yaml`, environmentText(each)]),
        ),
      }),
    );
    const made = await report(asked(), ports);
    expect(made.differing).toHaveLength(400);
    const { event } = topics.published[0] ?? {};
    expect(Buffer.byteLength(JSON.stringify(event?.data))).toBeLessThan(256_001);
    const told = reportSchema.parse(event?.data);
    expect(told.differing.length + (told.omitted['differing'] ?? 0)).toBe(400);
    expect(told.counts).toEqual(made.counts);
  });
});

describe('a report', () => {
  it('is of the environments that are chosen, by class, name and label', async () => {
    const { ports } = await world({ memories: { acme: {}, beta: {} } });
    const namesOf = async (chosen: Partial<ReportAsked['chosen']>): Promise<number> => {
      const all = { classes: [], environments: [], labels: {} };
      return (await gatherReport(asked({ chosen: { ...all, ...chosen } }), ports)).counts.environments;
    };
    expect(await namesOf({})).toBe(2);
    expect(await namesOf({ labels: { customer: 'acme' } })).toBe(1);
    expect(await namesOf({ labels: { customer: '*' } })).toBe(2);
    expect(await namesOf({ labels: { team: '*' } })).toBe(0);
    expect(await namesOf({ environments: ['a*'] })).toBe(1);
    expect(await namesOf({ environments: ['master/beta'] })).toBe(1);
    expect(await namesOf({ classes: ['staging'] })).toBe(0);
    expect(await namesOf({ classes: ['ma*'], labels: { customer: 'beta' } })).toBe(1);
  });

  it('names the uploads that were refused', async () => {
    const { ports, state } = await world();
    const told = {
      ...{ repository: 'master', artifact: 'gs://master/b.yaml#18', incident: 'c0ffee', reason: 'InvalidEnvironment' },
      ...{ since: '2026-11-21T01:00:00.000Z', message: `b.yaml:3: ${'x'.repeat(500)}`, remedy: 'mend it' },
      ...{ author: 'Ana <ana@example.com>', build: null },
    };
    const refused = [
      { name: 'deploy.tar.gz', generation: '17' },
      { name: 'b.yaml', generation: '18', told },
    ];
    const value = { version: 1, copied: [], refused };
    await state.write({ path: ledgerPath({ repositoryClass: 'master' }), value, ifGeneration: 'absent' });
    const { refused: said, limits } = await gatherReport(asked(), ports);
    expect(said).toMatchObject([
      {
        ...{ class: 'master', upload: 'b.yaml#18', since: told.since, reason: 'InvalidEnvironment', remedy: 'mend it' },
        ...{ message: expect.stringMatching(/^b\.yaml:3: x+… \(510 characters\)$/), author: told.author, build: null },
      },
      { class: 'master', upload: 'deploy.tar.gz#17', reason: null, message: null, since: null },
    ]);
    expect(limits.join()).not.toContain('ledger/');
  });

  it('counts them alone where it is of some environments: a file may be of another customer', async () => {
    const { ports, state } = await world();
    const told = {
      ...{
        repository: 'master',
        artifact: 'gs://master/beta.yaml#18',
        incident: 'c0ffee',
        reason: 'InvalidEnvironment',
      },
      ...{ since: '2026-11-21T01:00:00.000Z', message: 'beta.yaml:3: words of beta', remedy: null },
      ...{ author: 'Bea <bea@beta.example>', build: null },
    };
    const value = { version: 1, copied: [], refused: [{ name: 'beta.yaml', generation: '18', told }] };
    await state.write({ path: ledgerPath({ repositoryClass: 'master' }), value, ifGeneration: 'absent' });
    const choices: readonly ReportAsked['chosen'][] = [
      { classes: [], environments: [], labels: { customer: 'acme' } },
      { classes: [], environments: ['acme'], labels: {} },
    ];
    for (const chosen of choices) {
      const made = await gatherReport(asked({ chosen }), ports);
      expect(JSON.stringify(made).toLowerCase()).not.toMatch(/beta|bea@/);
      expect(made.limits).toContain(
        '1 upload of master is refused: for which environments nobody knows, so that it is not listed here.',
      );
    }
  });

  it('calls nothing gone of an environment whose labels cannot be read, Git being away', async () => {
    const { ports } = await world({ memories: { acme: { incident: incidentOf({ told: true }) } } });
    const chosen = { classes: [], environments: [], labels: { customer: 'acme' } };
    const before = await gatherReport(asked({ chosen }), ports);
    expect(before.differing).toHaveLength(1);
    const away = { ...ports, repository: repositories(unreachableRepository('master')) };
    const now = await gatherReport(asked({ chosen }), away, { report: before });
    expect(now.gone).toEqual([]);
    expect(now.limits.join()).toContain('nobody can say of master/acme');
  });

  it('says that they could not be read, where the ledger is none that anybody can read', async () => {
    const { ports, state } = await world();
    await state.write({ path: 'ledger/master.json', value: { version: 2 }, ifGeneration: 'absent' });
    const { refused, limits } = await gatherReport(asked(), ports);
    expect(refused).toEqual([]);
    expect(limits).toContainEqual(
      expect.stringMatching(
        /^Which uploads of master are refused could not be read: ledger\/master\.json was written by/,
      ),
    );
  });

  it('says which repository cannot be read, and what is remembered all the same', async () => {
    const { ports } = await world({ memories: { acme: { incident: incidentOf() } } });
    ports.repository = repositories(unreachableRepository('master'));
    const made = await gatherReport(asked(), ports);
    expect(made.unreadable).toMatchObject([{ repository: 'master' }]);
    expect(made.differing).toHaveLength(1);
    expect(made.notLookedAt).toMatchObject([{ environment: 'master/acme' }]);
  });
});

describe('the reports of the configuration', () => {
  const weekly = { name: 'weekly', schedule: '0 6 * * 0', zone: 'Etc/UTC', labels: { customer: 'acme' } };
  const daily = { name: 'daily', schedule: '0 5 * * *', zone: 'Europe/Berlin' };
  const reports = [weekly, daily];

  it('are due when their schedule called, to the minute, whoever of them is named', async () => {
    const { ports } = await world();
    const tick = '2026-11-22T06:00:00.481Z';
    expect(await dueReports({ reports, name: 'weekly', tick }, ports)).toEqual([
      { name: 'weekly', due, chosen: { classes: [], environments: [], labels: { customer: 'acme' } } },
    ]);
    expect(await dueReports({ reports, name: 'daily', tick: '' }, ports)).toMatchObject([{ name: 'daily', due }]);
  });

  it('are due once for a time of their schedule, where none is named', async () => {
    const { ports, clock } = await world();
    const dueNow = async () => dueReports({ reports, name: undefined, tick: '' }, ports);
    expect(await dueNow()).toMatchObject([
      { name: 'weekly', due },
      { name: 'daily', due: new Date('2026-11-22T04:00:00Z') },
    ]);
    for (const one of await dueNow()) await report({ ...one, repositories: ['master'], interval: 300_000 }, ports);
    expect(await dueNow()).toEqual([]);
    clock.forward(22 * 3_600);
    expect(await dueNow()).toMatchObject([{ name: 'daily', due: new Date('2026-11-23T04:00:00Z') }]);
  });

  it('are refused by a name that is none of theirs', async () => {
    const { ports } = await world();
    await expect(dueReports({ reports, name: 'monthly', tick: '' }, ports)).rejects.toMatchObject({
      ...{ code: 'BadRequest', subject: 'report monthly', remedy: 'there are weekly, daily' },
    });
  });
});
