import { setTimeout as sleep } from 'node:timers/promises';
import { describeError } from '../shared/base/errors.ts';
import { post } from './http-post.ts';
import { orAborted } from './or-aborted.ts';

export interface ScheduleOptions {
  readonly seconds: number;
  /** Called by POST, as Cloud Scheduler does. */
  readonly url: string;
  readonly ready: () => Promise<void>;
  /** The scheduler's ID token, as a header. */
  readonly authorize: () => Promise<{ authorization: string }>;
  readonly log?: (message: string) => void;
}

export interface Schedule {
  stop(): Promise<void>;
}

/** The longest that Cloud Scheduler waits for an HTTP target. */
const answerMilliseconds = 30 * 60_000;

/** Plays Cloud Scheduler: one call each so many seconds, the first after as many, never two at a time. */
export function startSchedule(options: ScheduleOptions): Schedule {
  const stopping = new AbortController();
  const { signal } = stopping;
  const log = options.log ?? (() => {});

  async function tick(): Promise<void> {
    const answer = await post({
      url: options.url,
      headers: {
        ...(await options.authorize()),
        'user-agent': 'Google-Cloud-Scheduler',
        'x-cloudscheduler': 'true',
        'x-cloudscheduler-scheduletime': new Date().toISOString(),
      },
      body: new Uint8Array(),
      signal: AbortSignal.any([signal, AbortSignal.timeout(answerMilliseconds)]),
    });
    if (!answer.accepted) throw new Error(`answered ${answer.status} ${answer.text.trim().slice(0, 300)}`);
  }

  async function run(): Promise<void> {
    while (!signal.aborted) {
      try {
        await sleep(options.seconds * 1000, undefined, { signal });
        await orAborted(options.ready(), signal);
        await tick();
      } catch (error) {
        if (!signal.aborted) log(`schedule: ${describeError(error)}`);
      }
    }
  }

  const running = run();
  return {
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
