import { describe, expect, it } from 'vitest';
import { acknowledge } from '../../../cli/acknowledge.ts';
import { acknowledgeOutputSchema } from '../../../cli/output-schemas.ts';
import { showStatus } from '../../../cli/status.ts';
import { acknowledge as acknowledgeAction } from '../../../shared/pipeline/act/acknowledge.ts';
import { acknowledgementPath } from '../../../shared/pipeline/common/acknowledgements.ts';
import { uploadIncident, type UploadRefused } from '../../../shared/events/upload-alert.ts';
import { statusSchema } from '../../../shared/pipeline/common/environment-status.ts';
import { emptyLedger, encodeLedger, ledgerPath } from '../../../shared/source/ledger.ts';
import { configMap, shop } from '../pipeline/reconcile/runs/files.ts';
import { createWorld } from '../pipeline/reconcile/world/world.ts';
import { contextOf } from './context.ts';
import { exampleOf } from '../../contracts.ts';

const ana = { GIT_COMMITTER_NAME: 'Ana', GIT_COMMITTER_EMAIL: 'ana@example.com' };

async function broken() {
  const world = createWorld();
  world.git.add(shop([configMap('colors')]));
  await world.run();
  world.git.add({ 'environments/shop.yaml': 'cluster: [\n' });
  await world.run();
  const context = contextOf(world, ana);
  const shown = async () => JSON.parse(JSON.stringify((await showStatus(context, ['shop'])).json)) as unknown;
  const { exit, json } = await showStatus(context, ['shop']);
  expect([exit, json]).toMatchObject([1, { environments: [{ incidents: [{}] }] }]);
  return { world, context, shown };
}

const eightHours = 8 * 3_600_000;

describe('converge acknowledge', () => {
  it('of an environment is of what is open there, and status shows who, until when and why', async () => {
    const { context, shown, world } = await broken();
    const done = await acknowledge(context, 'shop', { for: eightHours, comment: 'on \u001b[31mit' });
    const said = acknowledgeOutputSchema.parse(JSON.parse(JSON.stringify(done.json)));
    expect(said).toMatchObject({ outcome: 'acknowledged', by: 'Ana <ana@example.com>' });
    expect(said.incidents).toMatchObject([{ about: 'master/shop' }]);
    const { by, at, until, comment } = said;
    expect(Date.parse(until ?? '') - Date.parse(at ?? '')).toBe(eightHours);
    const row = { acknowledged: { by, at, until, comment } };
    expect(await shown()).toMatchObject({ environments: [{ incidents: [row] }] });
    const { lines } = await showStatus(context, ['shop']);
    const line = `is acknowledged by Ana <ana@example.com> until ${until}: on ${String.raw`\u001b[31mit`}`;
    expect(lines.some(({ text }) => text.endsWith(line))).toBe(true);
    world.wait(eightHours / 1000);
    expect(JSON.stringify(await shown())).not.toContain('acknowledged');
  });

  it('holds as it was said last, by the id of the incident too, and is taken back', async () => {
    const { context, shown, world } = await broken();
    await acknowledge(context, 'master/shop', { comment: 'first' });
    const { json } = await showStatus(context, ['shop']);
    const [, id = ''] = /"incident":"([^"]+)"/.exec(JSON.stringify(json)) ?? [];
    await acknowledge(context, id, { comment: 'second' });
    expect(JSON.stringify(await shown())).toContain('second');
    expect((await acknowledge(context, 'shop', { undo: true })).json).toMatchObject({ outcome: 'undone' });
    expect(await world.ports.state.read(acknowledgementPath(id))).toBeUndefined();
    expect((await acknowledge(context, id, { undo: true })).json).toMatchObject({ outcome: 'nothing', incidents: [] });
  });

  it('overwrites what nobody can read, which status takes for none', async () => {
    const { context, shown, world } = await broken();
    const [, id = ''] = /"incident":"([^"]+)"/.exec(JSON.stringify(await shown())) ?? [];
    const path = acknowledgementPath(id);
    await world.ports.state.write({ path, value: 7, ifGeneration: 'any', metadata: { facts: '%' } });
    expect(JSON.stringify(await shown())).not.toContain('acknowledged');
    await acknowledge(context, 'shop', {});
    expect(JSON.stringify(await shown())).toContain('acknowledged');
  });

  it('says what is open, where nothing of that name is', async () => {
    const { context, world } = await broken();
    await expect(acknowledge(context, '4be0d1a2c3f40516', {})).rejects.toMatchObject({
      problem: 'is neither an environment nor an incident that is open: it may have ended',
      remedy: expect.stringMatching(/^open are master\/shop [0-9a-f]+$/) as unknown,
    });
    world.git.add(shop([configMap('colors')]));
    await world.run();
    await expect(acknowledge(context, 'shop', {})).rejects.toMatchObject({
      ...{ problem: 'has no open incident: what there was has ended', remedy: 'nothing is open' },
    });
  });

  it.each([
    ['0s', 'in 0ms it would be acknowledged no more'],
    ['10000 years', '315360000000000ms leads to no time'],
    ['what no clock shows', '8640000000000000000ms leads to no time'],
  ])('is of no time that nobody can read afterwards: %s', async (_which, problem) => {
    const { context, shown } = await broken();
    const [, given = ''] = /(\d+)ms/.exec(problem) ?? [];
    await expect(acknowledge(context, 'shop', { for: Number(given) })).rejects.toMatchObject({
      ...{ code: 'BadRequest', subject: 'for', problem },
    });
    expect(JSON.stringify(await shown())).not.toContain('acknowledged');
  });

  it('is of no environment whose name two classes have, and of each by its class', async () => {
    const { context, world } = await broken();
    const status = statusSchema.parse(JSON.parse(JSON.stringify((await showStatus(context, [])).json)));
    const [own] = status.environments;
    if (own === undefined) throw new Error('there is no environment');
    const [incident] = own.incidents;
    if (incident === undefined) throw new Error('nothing is open');
    const twin = { ...own, repository: 'staging', incidents: [{ ...incident, id: '4be0d1a2c3f40516' }] };
    const both = async () => ({ ...status, environments: [own, twin] });
    const asked = async (target: string) =>
      acknowledgeAction({ action: 'acknowledge', target, undo: false, dryRun: true }, 'Ana', {
        ...world.ports,
        readStatus: both,
      });
    await expect(asked('shop')).rejects.toMatchObject({
      ...{ code: 'ActionRefused', problem: 'is an environment of master and staging' },
      remedy: 'name it as master/shop',
    });
    expect((await asked('staging/shop')).incidents).toMatchObject([{ incident: '4be0d1a2c3f40516' }]);
  });

  it('does not say and take back at once', async () => {
    const { context } = await broken();
    await expect(acknowledge(context, 'shop', { undo: true, comment: 'x' })).rejects.toMatchObject({
      subject: '--undo',
    });
  });
});

describe('a refused upload', () => {
  const name = 'charts/shop.tgz';
  const artifact = `gs://family-master/${name}#7`;
  const incident = uploadIncident(`gs://family-master/${name}`);

  async function refused() {
    const { world, context } = await broken();
    const told: UploadRefused = {
      ...{ repository: 'master', artifact, incident, since: world.ports.now().toISOString() },
      ...{ reason: 'InvalidArchive', message: 'holds a link', remedy: null, author: null, build: null },
    };
    const path = ledgerPath({ repositoryClass: 'master' });
    const ledger = { ...emptyLedger, refused: new Map([[name, '7']]), told: new Map([[name, told]]) };
    await world.ports.state.write({ path, value: encodeLedger(ledger), ifGeneration: 'absent' });
    const shown = async () =>
      statusSchema.parse(JSON.parse(JSON.stringify((await showStatus(context, [])).json))).uploads;
    return { context, shown };
  }

  it.each([incident, artifact, `gs://family-master/${name}`])(
    'is acknowledged by %s, and taken back',
    async (target) => {
      const { context, shown } = await refused();
      expect(await shown()).toMatchObject([{ artifact, incident }]);
      const { json } = await acknowledge(context, target, { for: eightHours, comment: 'on it' });
      const said = acknowledgeOutputSchema.parse(JSON.parse(JSON.stringify(json)));
      expect(said).toMatchObject({ outcome: 'acknowledged', incidents: [{ incident, about: artifact }] });
      const { by, at, until, comment } = said;
      expect(await shown()).toMatchObject([{ acknowledged: { by, at, until, comment } }]);
      const { lines } = await showStatus(context, []);
      expect(lines.map(({ text }) => text)).toContainEqual(
        expect.stringMatching(
          new RegExp(
            `InvalidArchive: holds a link \\(incident ${incident}\\); acknowledged by Ana <ana@example.com> until ${until}: on it$`,
          ),
        ),
      );
      await acknowledge(context, target, { undo: true });
      expect((await shown())[0]?.acknowledged).toBeUndefined();
    },
  );
});

it('the contracts show what it prints', () => {
  expect(acknowledgeOutputSchema.safeParse(JSON.parse(exampleOf('json acknowledge')))).toMatchObject({ success: true });
});
