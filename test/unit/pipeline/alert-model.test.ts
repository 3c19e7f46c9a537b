import fc from 'fast-check';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { openIncidents } from '../../../shared/memory/incidents.ts';
import type { AlertInOutbox } from '../../../shared/memory/outbox.ts';
import { environmentNamed, findings, look, withCommit, type Finding } from './alert-model/environment.ts';
import { failuresToldTwice, problemsOfLook, problemsOfSink } from './alert-model/judge.ts';
import {
  chatAppService,
  chatWebhookService,
  mailService,
  pagerdutyService,
  slackService,
  webhookService,
  type Service,
} from './alert-model/services.ts';
import {
  createDelivery,
  forward,
  messageOf,
  moods,
  storageMoods,
  type FetchOptions,
  type Mood,
  type Pending,
  type StorageMood,
} from './alert-model/world.ts';

/*
 * Of one environment all that can become of its alerts, by the real code: what a look finds by the transitions of the
 * memory and what tells of them, what is published by the outbox, what is delivered by `deliverAlert` and the sinks'
 * own files. In the model's hands are the time, what a look finds, who commits, which message comes when and how often,
 * and what services, Storage and instances do. A rule of delivery that waits for time joins as another kind of step.
 */
type Step =
  | { readonly step: 'looks'; readonly finding: Finding; readonly minutes: number; readonly isPublishedTwice: boolean }
  | { readonly step: 'commits'; readonly isCause: boolean }
  | {
      readonly step: 'delivers';
      readonly which: number;
      readonly comesAgain: boolean;
      readonly mood: Mood;
      /** A bit for each sink. */
      readonly hit: number;
      readonly storage: StorageMood;
    }
  | { readonly step: 'restarts' }
  | { readonly step: 'ticks' }
  | { readonly step: 'acknowledges'; readonly isUndone: boolean };

const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      step: fc.constant('looks' as const),
      finding: fc.constantFrom(...findings, 'ok' as const),
      minutes: fc.constantFrom(1, 6, 20),
      isPublishedTwice: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ step: fc.constant('commits' as const), isCause: fc.boolean() }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      step: fc.constant('delivers' as const),
      which: fc.nat({ max: 7 }),
      comesAgain: fc.boolean(),
      mood: fc.constantFrom(...moods),
      hit: fc.nat({ max: 63 }),
      storage: fc.constantFrom('well' as const, 'well' as const, 'well' as const, ...storageMoods),
    }),
  },
  { weight: 2, arbitrary: fc.constantFrom({ step: 'restarts' as const }, { step: 'ticks' as const }) },
  {
    weight: 1,
    arbitrary: fc.record({ step: fc.constant('acknowledges' as const), isUndone: fc.boolean() }),
  },
);

/** Each run plays the same ones: `CONVERGE_CASES` draws others, as many as it says. */
const drawn = process.env['CONVERGE_CASES'];
const sequences = drawn === undefined ? { numRuns: 10_000, seed: 20_261_128 } : { numRuns: Number(drawn) };

let folder = '';
let request: (url: string, options: FetchOptions) => Promise<Response>;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'alerts-'));
  await writeFile(join(folder, 'token'), 'xoxb-token');
  await writeFile(join(folder, 'url'), 'https://chat.example.com/v1/spaces/AAAA/messages?key=k&token=t');
  vi.useFakeTimers({ toFake: ['Date'] });
  vi.stubGlobal('fetch', async (url: string, options: FetchOptions) => request(url, options));
  // Each would keep a timer of its own for as long as it is to last.
  const { signal } = new AbortController();
  vi.spyOn(AbortSignal, 'timeout').mockReturnValue(signal);
});
afterAll(async () => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
  vi.useRealTimers();
  await rm(folder, { recursive: true });
});

function allServices(): readonly Service[] {
  const token = join(folder, 'token');
  return [
    ...[webhookService(), slackService({ tokenSecretFile: token }), chatAppService(), mailService()],
    ...[chatWebhookService({ urlSecretFile: join(folder, 'url') }), pagerdutyService({ routingKeySecretFile: token })],
  ];
}

/** What is not as it has to be, in sentences; empty: all is. */
async function play(played: readonly Step[]): Promise<readonly string[]> {
  vi.setSystemTime('2026-11-21T01:00:00Z');
  const services = allServices();
  const delivery = createDelivery(services);
  request = delivery.request;
  const [published, problems, pending] = [[] as AlertInOutbox[], [] as string[], [] as Pending[]];
  let environment = environmentNamed('acme', new Date());
  let driftedSince: number | undefined;
  const looks = ({ finding, minutes, isPublishedTwice }: Extract<Step, { step: 'looks' }>): void => {
    forward(minutes * 60_000);
    const now = new Date();
    if (finding === 'ok' || finding === 'healed') driftedSince = undefined;
    else if (finding.startsWith('drifted')) driftedSince ??= now.getTime();
    const before = environment;
    const { environment: after, alerts } = look(environment, { finding, now });
    environment = after;
    for (const alert of alerts) {
      const message = messageOf(alert, published.push(alert));
      pending.push(message, ...(isPublishedTwice ? [message] : []));
    }
    problems.push(...problemsOfLook({ before, after, finding, alerts, driftedSince, now: now.getTime() }));
  };
  const delivers = async ({ which, comesAgain, mood, hit, storage }: Extract<Step, { step: 'delivers' }>) => {
    const [message] = pending.splice(which % Math.max(1, pending.length), 1);
    if (message === undefined) return;
    const named = new Set(services.filter((_, index) => (hit & (1 << index)) > 0).map(({ sink }) => sink.name));
    const left = await delivery.deliver(message, { mood, hit: named, storage });
    pending.push(...(left === undefined ? [] : [left]), ...(comesAgain ? [message] : []));
    // Nobody takes what is under way for lost before a minute is over.
    forward(61_000);
  };
  for (const step of played) {
    if (step.step === 'looks') looks(step);
    else if (step.step === 'commits') environment = withCommit(environment, step);
    else if (step.step === 'restarts') delivery.restart();
    else if (step.step === 'acknowledges')
      for (const incident of openIncidents(environment.memory)) await delivery.acknowledge(incident, step);
    else if (step.step === 'ticks') pending.push(...(await delivery.tick()));
    else await delivers(step);
  }
  const well = { step: 'delivers', which: 0, comesAgain: false, mood: 'well', hit: 0, storage: 'well' } as const;
  forward(10 * 60_000);
  for (let round = 0; round < 200; round++) {
    if (pending.length > 0) await delivers(well);
    else {
      // What is held is asked for with pauses of an hour at most.
      forward(3_600_000);
      const due = await delivery.tick();
      if (due.length === 0) break;
      pending.push(...due);
    }
  }
  if (pending.length > 0) problems.push(`${pending.length} messages are never taken`);
  const sinks = services.flatMap((service) =>
    problemsOfSink(service, { alerts: published, trouble: delivery.trouble }),
  );
  return [...problems, ...failuresToldTwice(published), ...sinks];
}

describe('whatever an environment comes to, and whatever is lost, doubled and disordered on the way', () => {
  it('people see each incident open once and close once, and none that is not', async () => {
    const sequence = fc.array(steps, { maxLength: 16 });
    await fc.assert(
      fc.asyncProperty(sequence, async (played) => {
        expect(await play(played)).toEqual([]);
      }),
      sequences,
    );
  }, 300_000);

  it('an end after a lost answer is that of the message whose answer was lost, not of one that is remembered', async () => {
    const well = { step: 'delivers', comesAgain: false, mood: 'well', hit: 0, storage: 'well' } as const;
    const problems = await play([
      { step: 'looks', finding: 'healed', minutes: 1, isPublishedTwice: true },
      { ...well, which: 2 },
      { step: 'looks', finding: 'healed', minutes: 1, isPublishedTwice: false },
      { ...well, which: 3, mood: 'lost', hit: 14 },
      { ...well, which: 3 },
    ]);
    expect(problems).toEqual([]);
  });
});
