import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { tellLive } from '../../local/live.ts';
import { startInbox } from '../../local/parts/inbox.ts';
import { startPipeline } from '../../local/pipeline.ts';
import { eventually } from '../eventually.ts';

test('what happens after the story is told as it happens: an upload, its refusal, who was told, and no message twice', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'converge-live-'));
  const inbox = await startInbox();
  const configuration = { alerts: { sinks: inbox.sinks } };
  const pipeline = await startPipeline({ folder, scheduleSeconds: 0, configuration });
  const lines: string[] = [];
  const found = (): string => lines.join('\n');
  const live = await tellLive({ pipeline, inbox, say: (line) => void lines.push(line) });
  try {
    const bucket = pipeline.clients.ci.master.bucket(pipeline.facts.buckets.master);
    await bucket.file('environments/broken.yaml').save('kind: Nothing', { resumable: false });
    await eventually('both sinks are told', async () => lines.filter((line) => / told /.test(line)).length >= 2, {
      found,
    });
    await eventually('it is given up', async () => lines.some((line) => / given up /.test(line)), { found });
    await pipeline.quiet();
  } finally {
    await live.stop();
    await pipeline.stop();
    await inbox.stop();
    await rm(folder, { recursive: true, force: true });
  }
  const said = lines.map((line) => line.replace(/^\d\d:\d\d:\d\d +/, '').replace(/#\d+/, ''));
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
