import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { testSinkOutputSchema } from '../../../cli/output-schemas.ts';
import { testSink } from '../../../cli/test-sink.ts';
import { parseConfig } from '../../../shared/config/config.ts';
import { exampleOf } from '../../contracts.ts';
import { startMailServer, type MailServer } from '../adapters/sinks/mail-server.ts';
import { secretFolder, startReceiver, type Receiver } from '../adapters/sinks/receiver.ts';
import { createWorld } from '../pipeline/reconcile/world/world.ts';
import { contextOf } from './context.ts';

let secrets: Awaited<ReturnType<typeof secretFolder>>;
let receiver: Receiver;
let mail: MailServer;
beforeAll(async () => {
  secrets = await secretFolder();
});
afterAll(async () => secrets.remove());
beforeEach(async () => {
  [receiver, mail] = await Promise.all([startReceiver(), startMailServer()]);
});
afterEach(async () => {
  await Promise.all([receiver.stop(), mail.stop()]);
});

/** With sinks as JSON, which is YAML. */
async function send(name: string, ...sinks: readonly object[]) {
  const world = createWorld();
  const before = await world.ports.state.list('');
  const context = contextOf(world, { GIT_COMMITTER_NAME: 'Ana', GIT_COMMITTER_EMAIL: 'ana@example.com' });
  const text = JSON.stringify({
    project: 'family',
    state: { bucket: 'family-state' },
    repositories: { master: { url: 'https://git.example.com/family/master.git', bucket: 'family-master' } },
    clusters: {},
    alerts: { sinks },
  });
  const { exit, json, lines } = await testSink(
    { ...context, config: parseConfig({ file: 'converge.yaml', text }) },
    name,
  );
  expect(await world.ports.state.list('')).toEqual(before);
  const said = testSinkOutputSchema.parse(JSON.parse(JSON.stringify(json)));
  return { exit, said, text: lines.map((line) => line.text).join('\n') };
}

const pager = async () => ({
  name: 'pager',
  // A test goes to whoever would be left alone now, too, and to whoever is told nothing of clusters.
  only: [{ environments: ['nobody'] }],
  pagerduty: { routingKeySecretFile: await secrets.fileWith('routing', 'R0uT1nGk3y'), api: receiver.url },
});

describe('converge test-sink', () => {
  it('says what is left to do where the command ends while a pager may have the test and not its end', async () => {
    const before = process.listeners('exit');
    const written = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    const told: string[] = [];
    receiver.answers = () => {
      for (const listener of process.listeners('exit')) if (!before.includes(listener)) listener(130);
      told.push(...written.mock.calls.splice(0).map(([text]) => String(text)));
      return { status: 202, body: {} };
    };
    const { said } = await send('pager', await pager());
    written.mockRestore();
    const left = `pager may have the test, and not its end: resolve ${said.incident} there by hand\n`;
    expect(told).toEqual([left, left]);
    expect(process.listeners('exit')).toEqual(before);
  });

  it('has a pager trigger and resolve, and says what it answered', async () => {
    receiver.answers = () => ({ status: 202, body: { status: 'success', message: 'x'.repeat(1_000) } });
    const { exit, said, text } = await send('pager', await pager());
    expect({ exit, outcome: said.outcome, kind: said.kind }).toEqual({
      exit: 0,
      outcome: 'delivered',
      kind: 'pagerduty',
    });
    const key = said.incident;
    expect(receiver.calls.map(({ body }) => body)).toMatchObject([
      {
        ...{ event_action: 'trigger', dedup_key: key },
        payload: {
          summary: 'TEST of alert sink pager: nothing is wrong, and nothing is to be done',
          custom_details: { said: [`Sent by Ana <ana@example.com> with converge test-sink at ${said.at}`] },
        },
      },
      { event_action: 'resolve', dedup_key: key },
    ]);
    expect(said.answers.map(({ to, status }) => [to, status])).toEqual([
      ['opened', 202],
      ['closed', 202],
    ]);
    expect(said.answers[0]?.text.length).toBeLessThan(320);
    expect(text).toContain(`pager (pagerduty): took the test ${key}, and its end`);
  });

  it('is marked for programs, too, which are told data alone', async () => {
    const { said } = await send('ops', { name: 'ops', webhook: { url: receiver.url } });
    expect(receiver.calls.map(({ body }) => body)).toMatchObject([
      { topic: 'diff', subject: 'cluster/converge-test', code: 'Test', incident: said.incident, environments: [] },
      { topic: 'converged', subject: 'cluster/converge-test', outcome: 'unused', incident: said.incident },
    ]);
    expect(JSON.stringify(receiver.calls[0]?.body)).toContain('This is a test of alert sink ops: nothing is wrong.');
  });

  it('sends one mail, and tells whom the server did not take it for', async () => {
    const email = { host: '127.0.0.1', port: mail.port, tls: 'none', from: 'a@example.com' };
    const { exit, said } = await send('mail', { name: 'mail', email: { ...email, to: ['ops@example.com'] } });
    expect({ exit, answers: said.answers }).toMatchObject({ exit: 0, answers: [{ to: 'opened', status: 250 }] });
    expect(mail.mails).toHaveLength(1);
  });

  it('ends with 1 where it is refused, with the status and the words', async () => {
    receiver.answers = () => ({ status: 400, body: 'invalid \u001b[31mrouting key' });
    const { exit, said, text } = await send('pager', await pager());
    expect({ exit, said }).toMatchObject({
      exit: 1,
      said: {
        outcome: 'failed',
        answers: [{ to: 'opened', status: 400, text: String.raw`invalid \u001b[31mrouting key` }],
        problem: { code: 'SinkRefused', message: 'PagerDuty answered 400' },
      },
    });
    expect(text).toContain('alerts.sinks');
  });

  it('says where the test may be open still: the end did not arrive', async () => {
    receiver.answers = ({ text }) => ({ status: text.includes('resolve') ? 400 : 202 });
    const { exit, said } = await send('pager', await pager());
    expect(exit).toBe(1);
    expect(said.problem?.remedy).toContain(`resolve ${said.incident} there by hand`);
  });

  it('ends with 1 where nobody answers', async () => {
    const { exit, said } = await send('ops', { name: 'ops', webhook: { url: 'http://127.0.0.1:9/' } });
    expect({ exit, said }).toMatchObject({ exit: 1, said: { answers: [], problem: { code: 'SinkUnavailable' } } });
  });

  it('says plainly that whoever calls has not got the secret, and never shows what a file holds', async () => {
    const away = await send('pager', { name: 'pager', pagerduty: { routingKeySecretFile: '/nowhere/key' } });
    expect(away).toMatchObject({ exit: 1, said: { problem: { code: 'SecretUnavailable' } } });
    expect(away.text).toContain('you have no usable secret of it here: /nowhere/key cannot be read (ENOENT)');
    expect(away.text).toContain('gcloud secrets versions access');
    const routingKeySecretFile = await secrets.fileWith('bad', 'two words');
    const bad = await send('pager', { name: 'pager', pagerduty: { routingKeySecretFile } });
    expect(bad.text).toContain('holds no integration key');
    expect(JSON.stringify(bad)).not.toContain('two words');
  });

  it('is wrong usage where there is no such sink', async () => {
    await expect(send('pagr', await pager())).rejects.toMatchObject({
      ...{ exit: 2, remedy: 'did you mean pager? there are pager' },
    });
    await expect(send('pager')).rejects.toMatchObject({ exit: 2, remedy: 'it has none: alerts.sinks names them' });
  });
});

it('the contract shows what it prints', () => {
  expect(testSinkOutputSchema.safeParse(JSON.parse(exampleOf('json test-sink')))).toMatchObject({ success: true });
});
