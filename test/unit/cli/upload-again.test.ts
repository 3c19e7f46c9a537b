import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Context } from '../../../cli/context.ts';
import { md5Of } from '../../../shared/source/same-upload.ts';
import { upload } from '../../../cli/upload.ts';
import { encodeTryAgain } from '../../../shared/events/reconcile-requested.ts';
import { copyMessage } from '../../../shared/source/commit-message.ts';
import { emptyLedger, encodeLedger, ledgerPath } from '../../../shared/source/ledger.ts';
import { writeFiles } from '../../write-files.ts';
import { configMap, list, shop } from '../pipeline/reconcile/runs/files.ts';
import { createWorld, type World } from '../pipeline/reconcile/world/world.ts';
import { contextOf } from './context.ts';

const path = 'manifests/shop/all.json';
const content = list(configMap('colors'), configMap('new'));
const bucket = 'family-master';
const folder = mkdtempSync(join(tmpdir(), 'converge-again-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const metadata = { 'converge-build': 'https://ci.example/7' };
const first = { bucket, name: path, generation: '7' };

async function recordCopy(world: World, generation: string, commit: string): Promise<void> {
  const entry = { name: path, generation, commit, at: world.ports.now().toISOString(), content: null };
  const value = encodeLedger({ ...emptyLedger, copied: new Map([[path, entry]]) });
  await world.writeState(ledgerPath({ repositoryClass: 'master' }), value);
}

/** An environment that failed at the commit of an upload, in its pause. */
async function failed(): Promise<World> {
  const world = createWorld();
  world.git.add(shop([configMap('colors')]));
  await world.run();
  world.cluster.refusals.set('apply ConfigMap acme/new', { status: 403, message: 'exceeded quota' });
  const { id } = world.git.add({ [path]: content }, { message: copyMessage([{ ...first, metadata }]) });
  await recordCopy(world, '7', id);
  await world.run();
  world.wait(10);
  await world.run({ cause: 'schedule' });
  return world;
}

/** The command of the same build, on what it uploaded before. */
async function rerun(world: World, { wait = true }: { wait?: boolean } = {}) {
  await writeFiles(folder, { [path]: content });
  const written: string[] = [];
  const told: string[] = [];
  const base = contextOf(world, { CONVERGE_BUILD: '' });
  const context: Context = {
    ...base,
    folder,
    progress: (line) => void told.push(line),
    open: {
      ...base.open,
      uploads: async () => ({
        find: async () => ({
          ...{ ...first, bytes: content.length, createdAt: world.ports.now(), metadata },
          md5: md5Of(Buffer.from(content)),
        }),
        async write({ name }) {
          written.push(name);
          const head = (await world.git.head()) ?? '';
          await recordCopy(world, '8', head);
          const asked = { repository: 'master', environment: 'shop', head, time: world.ports.now() };
          const { id } = encodeTryAgain({ ...asked, artifact: `gs://${bucket}/${path}#8` });
          await world.run({ cause: 'request' }, world.ports, id);
          return { generation: '8' };
        },
      }),
    },
  };
  const options = { class: 'master', build: metadata['converge-build'], wait, timeout: 60_000 };
  const { exit, lines } = await upload(context, [path], options);
  return { exit, written, told, lines: lines.map(({ text }) => text) };
}

describe('the same build again, with --wait', () => {
  it('uploads once more what has failed, and is told what comes of it then', async () => {
    const world = await failed();
    world.cluster.refusals.clear();
    const { exit, written, told, lines } = await rerun(world);
    expect({ exit, written }).toEqual({ exit: 0, written: [path] });
    expect(told).toContain(
      `what is made of gs://${bucket}/${path} has failed: it is written once more, to be tried again`,
    );
    expect(lines.at(-1)).toMatch(/^converged shop at /);
  });

  it('ends with the failure of the new try where nothing was mended, and says how it is tried again', async () => {
    const { exit, written, lines } = await rerun(await failed());
    expect({ exit, written }).toEqual({ exit: 1, written: [path] });
    expect(lines.find((line) => line.startsWith('failed    shop: '))).toContain('exceeded quota');
    expect(lines.at(-1)).toContain('the same upload with --wait tries it at once');
  });

  it('leaves alone what somebody has changed in Git since, and what is well', async () => {
    const changed = await failed();
    changed.git.add({ [path]: list(configMap('new')) });
    await changed.run();
    expect((await rerun(changed)).written).toEqual([]);
    const well = await failed();
    well.cluster.refusals.clear();
    await well.run({ cause: 'request' });
    expect(await rerun(well)).toMatchObject({ exit: 0, written: [] });
  });

  it('writes nothing without --wait', async () => {
    expect(await rerun(await failed(), { wait: false })).toMatchObject({ exit: 0, written: [] });
  });
});
