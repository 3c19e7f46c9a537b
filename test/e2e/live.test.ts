import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { tellLive } from '../../local/live.ts';
import { startInbox } from '../../local/parts/inbox.ts';
import { startPipeline } from '../../local/pipeline.ts';
import { eventually } from '../eventually.ts';
import { writeFiles } from '../write-files.ts';
import { runConverge } from './command.ts';

test('what happens after the story is told as it happens: an upload, its refusal, who was told, and no message twice', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'converge-live-'));
  const inbox = await startInbox();
  const configuration = { alerts: { sinks: inbox.sinks } };
  const pipeline = await startPipeline({ folder, scheduleSeconds: 0, configuration });
  const lines: string[] = [];
  const found = (): string => lines.join('\n');
  let told: string[] = [];
  const live = await tellLive({ pipeline, inbox, say: (line) => void lines.push(line) });
  try {
    const bucket = pipeline.clients.ci.master.bucket(pipeline.facts.buckets.master);
    await bucket.file('environments/broken.yaml').save('kind: Nothing', { resumable: false });
    await eventually('both sinks are told', async () => lines.filter((line) => / told /.test(line)).length >= 2, {
      found,
    });
    await eventually('it is given up', async () => lines.some((line) => / given up /.test(line)), { found });
    await pipeline.quiet();
    told = [...lines];
    await testSinks({ pipeline, inbox, folder });
  } finally {
    await live.stop();
    await pipeline.stop();
    await inbox.stop();
    await rm(folder, { recursive: true, force: true });
  }
  const said = told.map((line) => line.replace(/^\d\d:\d\d:\d\d +/, '').replace(/#\d+/, ''));
  const refused = 'gs://family-master/environments/broken.yaml';
  expect(said.filter((line) => line.startsWith('upload'))).toEqual([`upload     ${refused}`]);
  expect(said.filter((line) => line.startsWith('refused'))).toEqual([
    expect.stringContaining(`${refused}: InvalidEnvironment, environments/broken.yaml:1: kind: Invalid input`),
  ]);
  expect(
    said
      .filter((line) => line.startsWith('told'))
      .map((line) => line.slice(0, 30))
      .sort(),
  ).toEqual(['told       mail, opened: [Conv', 'told       webhook, opened: gs']);
});

/** `converge test-sink` beside that pipeline: what is told, what is not, and that nothing is remembered of it. */
async function testSinks({
  pipeline: { facts, clients, stateBucket },
  inbox,
  folder,
}: {
  pipeline: Awaited<ReturnType<typeof startPipeline>>;
  inbox: Awaited<ReturnType<typeof startInbox>>;
  folder: string;
}): Promise<void> {
  const config = await readFile(facts.config, 'utf8');
  const wrong = join(folder, 'wrong', 'converge.yaml');
  await writeFiles(folder, {
    'here/.converge/local.json': JSON.stringify(facts),
    'wrong/converge.yaml': config.replace(`${inbox.url}webhook`, `${inbox.url}nothing`),
  });
  const converge = async (...parameters: string[]) =>
    runConverge(['test-sink', ...parameters, '--output', 'json'], {
      ...{
        folder: join(folder, 'here'),
        variables: { GIT_COMMITTER_NAME: 'Ana', GIT_COMMITTER_EMAIL: 'ana@example.com' },
      },
    });
  const records = async (): Promise<string[]> => {
    const [files] = await clients.storage.bucket(stateBucket).getFiles();
    return files.map(({ name }) => name).filter((name) => /^(sinks|held|unreachable)\//.test(name));
  };
  const [before, count] = [await records(), inbox.messages().length];
  const [mail, webhook] = [await converge('inbox-mail'), await converge('inbox-webhook')];
  expect([mail, webhook].map(({ code, err }) => ({ code, err }))).toEqual([
    { code: 0, err: '' },
    { code: 0, err: '' },
  ]);
  expect(inbox.messages().slice(count)).toMatchObject([
    {
      by: 'mail',
      state: 'opened',
      title: '[Converge] TEST of alert sink inbox-mail: nothing is wrong, and nothing is to be done',
    },
    { by: 'webhook', state: 'opened', lines: [expect.stringContaining('Sent by Ana <ana@example.com>')] },
    { by: 'webhook', state: 'closed', title: 'TEST of alert sink inbox-webhook: the test is over' },
  ]);
  expect(await records()).toEqual(before);
  expect(await converge('inbox-webhok')).toMatchObject({
    ...{ code: 2, out: expect.stringContaining('did you mean inbox-webhook?') },
  });
  expect(await converge('inbox-webhook', '--config', wrong)).toMatchObject({
    ...{ code: 1, out: expect.stringContaining('the webhook answered 404') },
  });
}
