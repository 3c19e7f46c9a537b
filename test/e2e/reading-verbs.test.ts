import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  alertsOutputSchema,
  historyOutputSchema,
  logsOutputSchema,
  renderOutputSchema,
  traceOutputSchema,
} from '../../cli/output-schemas.ts';
import { ensureProgram } from '../../local/programs.ts';
import { reportSchema } from '../../shared/events/report.ts';
import { statusSchema } from '../../shared/pipeline/common/environment-status.ts';
import { writeFiles } from '../write-files.ts';
import { runConverge, type Ended } from './command.ts';
import { configMap, environmentFile, eventually, startWorldWithMaster, type Clone, type World } from './world.ts';

const labelled = environmentFile('shop').replace('"name":"shop"', '"name":"shop","labels":{"customer":"acme"}');

let world: World;
let master: Clone;
/** Holds a `.converge/local.json`, as beside a local pipeline. */
let folder: string;

beforeAll(async () => {
  ({ world, master } = await startWorldWithMaster());
  folder = await mkdtemp(join(tmpdir(), 'converge-reading-'));
  await writeFiles(folder, { '.converge/local.json': JSON.stringify(world.pipeline.facts) });
  await master.push({
    'environments/shop.yaml': labelled,
    'environments/other.yaml': environmentFile('other'),
    'manifests/shop/a.yaml': configMap('a', { v: '1' }),
    'manifests/shop/b.yaml': JSON.stringify({
      ...{ apiVersion: 'v1', kind: 'Service', metadata: { name: 'a' } },
      spec: { ports: [{ port: 80 }], selector: { app: 'a' } },
    }),
    'manifests/other/a.yaml': configMap('a', { v: '1' }),
  });
  await eventually('both converged', async () => {
    const states = await shownStates();
    return states['shop'] === 'Converged' && states['other'] === 'Converged';
  });
});
afterAll(async () => {
  await world.stop();
  await rm(folder, { recursive: true, force: true });
});

async function converge(...parameters: readonly string[]): Promise<Ended> {
  return await runConverge(parameters, { folder });
}

/** Nothing while the function cannot answer: a branch that was founded a moment ago, say. */
async function shownStates(): Promise<Record<string, string>> {
  const { out } = await converge('status', '--output', 'json');
  const { environments } = statusSchema.safeParse(JSON.parse(out)).data ?? { environments: [] };
  return Object.fromEntries(environments.map(({ name, state }) => [name, state]));
}

/** Resolves once a command that goes on has printed so often what matches. */
type UntilTold = (pattern: RegExp, times?: number) => Promise<unknown>;

/** A command that goes on: interrupted once `meanwhile` is over. */
async function interrupted(
  parameters: readonly string[],
  meanwhile: (untilTold: UntilTold) => Promise<unknown>,
): Promise<Ended> {
  const stop = new AbortController();
  let out = '';
  const onOutput = (told: Pick<Ended, 'out'>) => void (out = told.out);
  const running = runConverge(parameters, { folder, signal: stop.signal, onOutput });
  try {
    await meanwhile(async (pattern, times = 1) =>
      eventually(
        `${parameters.join(' ')} tells ${String(pattern)}`,
        () => out.split('\n').filter((line) => pattern.test(line)).length >= times,
        { found: () => out },
      ),
    );
  } finally {
    stop.abort();
  }
  return await running;
}

const broken = { 'environments/shop.yaml': 'apiVersion: converge.dev/v1\nkind: Environment\nspec: [\n' };

describe('converge status', () => {
  it('says that nothing needs anybody, and all that is known of an environment', async () => {
    expect(await converge('status', '--problems')).toEqual({ code: 0, out: 'nothing needs you\n', err: '' });
    // When an instance looked at what came second within ten seconds, it writes down with a later look.
    const wide = await eventually('it is known when it was looked at', async () => {
      await world.checkDrift();
      const ended = await converge('status', '--wide', 'shop');
      return ended.out.includes('not known') ? undefined : ended;
    });
    expect(wide).toMatchObject({ code: 0, err: '' });
    for (const fact of ['cluster +sandbox', 'checked +20', 'next look +20', 'head +main@', 'labels +customer=acme'])
      expect(wide.out).toMatch(new RegExp(`^ {2}${fact}`, 'm'));
    expect(wide.out).toMatch(/^ {2}last run .*: \d+ created, \d+ configured, \d+ unchanged, 0 pruned$/m);
  });

  it('is of a class and of labels, and refuses what nothing is called', async () => {
    const chosen = await converge('status', '--label', 'customer=acme', '--class', 'mas*');
    expect(chosen.out).toMatch(/^master\/shop /m);
    expect(chosen.out).not.toContain('master/other');
    const none = await converge('status', '--label', 'customer=globex');
    expect(none).toMatchObject({ code: 2, out: '' });
    expect(none.err).toContain('--label customer=globex: is of no environment\n  there are customer=acme');
    expect(await converge('status', '--class', 'production')).toMatchObject({ code: 2 });
  });

  it('goes on with --watch until Ctrl-C, and tells the rows that changed, a JSON value a line too', async () => {
    const upload = async (v: string) => master.push({ 'manifests/shop/a.yaml': configMap('a', { v }) });
    const told = await interrupted(['status', 'shop', '--watch'], async (untilTold) => {
      await untilTold(/Converged/);
      const revision = (await upload('2')).slice(0, 12);
      await untilTold(new RegExp(`Converged.*${revision}`));
    });
    expect(told.code).toBe(130);
    const lines = told.out.trimEnd().split('\n');
    expect(lines.length).toBeGreaterThanOrEqual(2);
    for (const line of lines) expect(line).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d {2}master\/shop {2}\w+ {2}main@/);
    expect(told.out + told.err).not.toContain('\u001b');
    const values = await interrupted(['status', '--watch', '--output', 'json'], async (untilTold) => untilTold(/./));
    expect(values.code).toBe(130);
    for (const line of values.out.trimEnd().split('\n'))
      expect(statusSchema.parse(JSON.parse(line)).environments).toHaveLength(2);
    expect(await converge('status', 'nobody', '--watch')).toMatchObject({ code: 2, out: '' });
  });
});

describe('converge history and trace', () => {
  it('say who wrote a commit, and take kinds as kubectl does', async () => {
    const history = historyOutputSchema.parse(JSON.parse((await converge('history', 'shop', '--output', 'json')).out));
    expect(history.entries[0]?.author).toBe('Olivia Ops <olivia@example.com>');
    expect((await converge('history', 'shop')).out).toMatch(/^ {2}author +Olivia Ops <olivia@example\.com>$/m);
    for (const kind of ['svc', 'services', 'Service', 'service'])
      expect((await converge('trace', `${kind}/a`)).out).toMatch(/^Service shop\/a\n/);
    const two = await converge('trace', 'cm', 'a');
    expect(two).toMatchObject({ code: 0, err: '' });
    expect(two.out).toMatch(
      /^2 objects are called so: .*\n {2}configmap\/a -n other -e master\/other\n {2}configmap\/a -n shop -e master\/shop\n\nConfigMap other\/a\n/,
    );
    const { out } = await converge('trace', 'cm/a', '-n', 'shop', '--output', 'json');
    expect(traceOutputSchema.parse(JSON.parse(out)).traces).toHaveLength(1);
    const none = await converge('trace', 'deploy/a');
    expect(none).toMatchObject({ code: 1, out: '' });
    expect(none.err).toContain('of that name there are ConfigMap other/a of master/other');
  });
});

describe('converge render', () => {
  it('prints what the head of a branch, and a commit of it, render to: what the cluster has', async () => {
    const version = ['--kube-version', 'v1.36.3'];
    const render = ['render', 'master/shop', '--renderer', await ensureProgram('render'), ...version];
    const ended = await converge(...render, '--output', 'json');
    expect(ended).toMatchObject({ code: 0, err: '' });
    const { revision, manifests } = renderOutputSchema.parse(JSON.parse(ended.out));
    expect(revision).toContain(await master.head());
    const asked = ['get', 'configmap', 'a', '--namespace', 'shop', '--output', 'jsonpath={.data}'];
    const data: unknown = JSON.parse(await world.kubectl(...asked));
    const rendered = manifests.find(({ object }) => object['kind'] === 'ConfigMap')?.object;
    expect(rendered).toMatchObject({ metadata: { name: 'a', namespace: 'shop' }, data });
    const first = (await master.git('log', '--format=%H', '--reverse', '--', 'environments/shop.yaml')).split('\n')[0];
    const before = await converge(...render, '--revision', first ?? '', '--show-sources');
    expect(before).toMatchObject({ code: 0, err: '' });
    expect(before.out).toMatch(/# Source: manifests\/shop\/a\.yaml(:1)?\n[^]*v: ["']?1["']?\n/);
  });

  it('ends with 2 where the branch has no such commit or environment', async () => {
    const render = ['render', '--renderer', await ensureProgram('render')];
    const unknown = await converge(...render, 'master/shop', '--revision', 'f'.repeat(40));
    expect(unknown).toMatchObject({ code: 2, out: '' });
    const misspelt = await converge(...render, 'master/shpo');
    expect(misspelt).toMatchObject({ code: 2, out: '', err: expect.stringContaining('master/shpo') as string });
  });
});

describe('converge report', () => {
  it('says that nothing differs, of those that are chosen', async () => {
    const wellOf = async (...chosen: readonly string[]): Promise<Ended> =>
      await eventually('it was looked at', async () => {
        await world.checkDrift();
        const report = await converge('report', '--since', '1h', ...chosen);
        return report.code === 0 ? report : undefined;
      });
    const ended = await wellOf('--label', 'customer=acme');
    expect(ended.out).toMatch(/^Nothing differs from Git in 1 environment\.$/m);
    const json = await wellOf('--environment', 'master/other', '--output', 'json');
    reportSchema.parse(JSON.parse(json.out));
    expect(json.out).not.toContain('master/shop');
  });

  it('refuses a report that the configuration has not, and what is no time', async () => {
    const unknown = await converge('report', 'of-nobody');
    expect(unknown).toMatchObject({ code: 2, out: '', err: expect.stringContaining('of-nobody') as string });
    expect(await converge('report', '--since', 'yesterday')).toMatchObject({ code: 2, out: '' });
  });
});

describe('converge logs', () => {
  it('shows what functions logged of an environment, and of an upload with the commit that it became', async () => {
    const ended = await converge('logs', 'master/shop', '--output', 'json');
    expect(ended).toMatchObject({ code: 0, err: '' });
    const { entries } = logsOutputSchema.parse(JSON.parse(ended.out));
    expect(entries.map((entry) => entry.function)).toEqual(
      expect.arrayContaining(['fanOut', 'reconcile', 'deliverAlert']),
    );
    expect(JSON.stringify(entries)).not.toContain('"subject":"master/other"');
    await world.upload('manifests/shop/c.yaml', configMap('c', { v: '1' }));
    const asked = 'gs://family-master/manifests/shop/c.yaml';
    const text = await eventually('its commit was announced', async () => {
      const { out } = await converge('logs', asked);
      return /fanOut +fanOut done/.test(out) ? out : undefined;
    });
    expect(text).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d {2}INFO +copyArtifact +copyArtifact done: copied$/m);
    const head = await master.head();
    expect((await converge('logs', head.slice(0, 12))).out).toMatch(/fanOut done/);
  });

  it('says that there is nothing, refuses what is no class, and ends with 1 where it cannot be read', async () => {
    expect(await converge('logs', 'nobody')).toMatchObject({ code: 0, out: expect.stringMatching(/^nothing since /) });
    expect(await converge('logs', 'production/shop')).toMatchObject({ code: 2 });
    const facts = JSON.stringify({ ...world.pipeline.facts, log: join(folder, 'nowhere.log') });
    const elsewhere = await mkdtemp(join(tmpdir(), 'converge-reading-'));
    await writeFiles(elsewhere, { '.converge/local.json': facts });
    const gone = await runConverge(['logs', 'shop'], { folder: elsewhere });
    await rm(elsewhere, { recursive: true });
    expect(gone).toMatchObject({ code: 1, out: '' });
    expect(gone.err).toMatch(/nowhere\.log: cannot be read/);
  });

  it('goes on with --follow until Ctrl-C', async () => {
    const told = await interrupted(['logs', 'shop', '--follow', '--output', 'json'], async (untilTold) =>
      untilTold(/./),
    );
    expect(told.code).toBe(130);
    const first = z.object({ id: z.string(), message: z.string() }).parse(JSON.parse(told.out.split('\n')[0] ?? ''));
    expect(first.message).not.toBe('');
  });
});

describe('converge alerts', () => {
  it('shows what is open, and follows its beginning and its end', async () => {
    expect(await converge('alerts')).toEqual({ code: 0, out: 'nothing is open\n', err: '' });
    await master.push(broken);
    await eventually('it failed', async () => (await shownStates())['shop'] === 'Failed');
    const told = await interrupted(['alerts', 'shop', '--follow', '--no-dead-letters'], async (untilTold) => {
      await untilTold(/ {2}open {4}/);
      await master.push({ 'environments/shop.yaml': labelled });
      await untilTold(/ {2}ends {5}/);
      await master.push(broken);
      await untilTold(/ {2}begins {3}/);
      const open = await converge('alerts', 'shop');
      expect(open.code).toBe(1);
      const report = await converge('report', '--environment', 'shop');
      expect(report).toMatchObject({ code: 1, out: expect.stringContaining('master/shop') as string });
      expect(open.out).toMatch(/^20\S+ \S+ +master\/shop +Failed +tried again from .*environments\/shop\.yaml/m);
      await master.push({ 'environments/shop.yaml': labelled });
      await untilTold(/ {2}ends {5}/, 2);
    });
    expect(told.code).toBe(130);
    expect(told.out).toMatch(/^\S+ \S+ {2}begins {3}master\/shop {2}Failed: .*environments\/shop\.yaml/m);
    expect(told.out).toMatch(/^\S+ \S+ {2}ends {5}master\/shop {2}Failed, open since /m);
  });

  it('shows a refused upload with its dead letter, and status ends with 1 for it', async () => {
    await world.upload('charts/bad.tgz', 'this is no archive');
    await eventually('it is refused', async () => (await converge('status')).code === 1);
    const status = await converge('status', '--problems');
    expect(status.out).toMatch(/^master: gs:\/\/family-master\/charts\/bad\.tgz#\d+ is refused since .*InvalidArchive/);
    const alerts = await eventually('its dead letter is there', async () => {
      const ended = await converge('alerts', '--output', 'json');
      const found = alertsOutputSchema.parse(JSON.parse(ended.out)).alerts;
      return ended.code === 1 && found.some(({ kind }) => kind === 'dead-letter') ? found : undefined;
    });
    // A refusal that is delivered twice may have two.
    const of = alerts.map(({ kind, reason, about }) => `${kind} ${reason} ${about.replace(/#\d+$/, '')}`);
    expect(new Set(of)).toEqual(
      new Set(['dead-letter', 'upload'].map((kind) => `${kind} InvalidArchive gs://family-master/charts/bad.tgz`)),
    );
    expect(await converge('alerts', 'nobody')).toMatchObject({ code: 2, out: '' });
  });
});

describe('the API', () => {
  const rows = z.array(z.looseObject({}));

  async function ask(path: string, headers: Record<string, string> = {}) {
    const answer = await fetch(`${world.pipeline.facts.status}/v1/${path}`, { headers });
    const text = await answer.text();
    return { answer, status: answer.status, body: z.looseObject({}).parse(text === '' ? {} : JSON.parse(text)) };
  }

  it('tells of what broke from its beginning to its end, with the commits of it', async () => {
    const well = await ask('environments/master/shop');
    expect(well.body).toMatchObject({ state: 'Converged', incidents: [] });
    const headers = { 'if-none-match': well.answer.headers.get('etag') ?? '' };
    const since = new Date().toISOString();
    await master.push(broken);
    const commit = await master.head();
    const open = await eventually('it failed', async () => {
      const { body } = await ask('incidents?state=open&class=master');
      return rows.parse(body['incidents']).find(({ about }) => about === 'master/shop');
    });
    expect(open).toMatchObject({
      kind: 'environment',
      reason: 'Failed',
      until: null,
      revision: expect.stringContaining(commit),
    });
    expect((await ask('environments/master/shop', headers)).body).toMatchObject({
      state: 'Failed',
      incident: open['id'],
    });
    const problems = rows.parse((await ask('environments?problems=true')).body['environments']);
    expect(problems.map(({ name }) => name)).toEqual(['shop']);
    await master.push({ 'environments/shop.yaml': labelled });
    const mended = await master.head();
    const closed = await eventually('it ended', async () => {
      const { body } = await ask('incidents?state=closed');
      return rows.parse(body['incidents']).find(({ id, since: at }) => id === open['id'] && at === open['since']);
    });
    expect(closed).toMatchObject({ until: expect.stringMatching(/Z$/), told: true, acknowledged: null });
    // Git has whole seconds.
    const events = rows.parse((await ask(`events?since=${since.slice(0, 19)}Z`)).body['events']);
    const of = events.map(({ kind, commit: id, incident }) => [kind, id ?? incident]);
    expect(of).toEqual(
      expect.arrayContaining([
        ['commit', commit],
        ['commit', mended],
        ['incident-opened', open['id']],
        ['incident-closed', open['id']],
      ]),
    );
  });

  it('answers 304 while nothing has changed, and a problem for what there is not', async () => {
    const first = await ask('incidents');
    const headers = { 'if-none-match': first.answer.headers.get('etag') ?? '' };
    expect((await ask('incidents', headers)).status).toBe(304);
    for (const [path, status, subject] of [
      ['environments/master/nobody', 404, 'master/nobody'],
      ['environments/production/shop', 404, 'production'],
      ['incident', 404, '/v1/incident'],
      ['events?since=tomorrow', 400, 'since'],
    ] as const) {
      const { answer, body } = await ask(path);
      expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
      expect(body).toMatchObject({ status, subject });
    }
  });
});
