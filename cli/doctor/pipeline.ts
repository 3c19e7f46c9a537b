import { z } from 'zod';
import packageFile from '../../package.json' with { type: 'json' };
import { parseDuration } from '../../shared/environment/duration.ts';
import { intervalsUntilStale } from '../../shared/pipeline/common/shown-state.ts';
import { parseTime } from '../../shared/base/time.ts';
import { shortTime } from '../command-result.ts';
import type { Context } from '../context.ts';
import { ask, audienceOf, readStatus, statusFunction } from '../read-status.ts';
import { failed, lookInto, notAsked, ok, type Finding } from './finding.ts';

/** One of the version before answers the environments there. */
const versionSchema = z.object({ version: z.string().optional() });

/** The functions: whether `status` answers, of which version they are, and when the schedule looked last. */
export async function lookAtPipeline(context: Context): Promise<readonly Finding[]> {
  const ticks = { check: 'last tick', subject: 'checkDrift' };
  const [versions, tick] = await Promise.all([
    lookAtVersion(context),
    lookInto(ticks, async () => lookAtTick(context)),
  ]);
  return [...versions, ...tick];
}

/** They are deployed together: the one that answers people tells for all. */
async function lookAtVersion(context: Context): Promise<readonly Finding[]> {
  const about = { check: 'version', subject: 'functions' };
  const { statusUrl } = context;
  if (statusUrl === undefined)
    return [notAsked(about, 'no status function is configured', 'status.url of the configuration names it')];
  const url = new URL(statusUrl);
  url.pathname = `${url.pathname.replace(/\/$/, '')}/version`;
  return await lookInto(about, async () => {
    const asked = { context, of: statusFunction, url: url.href, query: [], schema: versionSchema };
    const { version } = await ask({ ...asked, audience: audienceOf({ context, of: statusFunction, url: statusUrl }) });
    if (version === undefined)
      return notAsked(about, 'they do not say: they are older than this command', 'deploy them anew');
    return version === packageFile.version
      ? ok(about, version)
      : failed(
          about,
          `${version}, and this command is ${packageFile.version}`,
          'use the command of the same release, or deploy the functions anew',
        );
  });
}

async function lookAtTick(context: Context): Promise<Finding> {
  const about = { check: 'last tick', subject: 'checkDrift' };
  const { environments, unreadable } = await readStatus(context);
  const [first] = unreadable;
  if (first !== undefined)
    return failed(
      about,
      `${first.repository} cannot be read: ${first.message}`,
      'mend that first; converge status says the same',
    );
  const looks = environments.flatMap(({ attemptedAt }) => attemptedAt ?? []).sort();
  const last = looks.at(-1);
  if (environments.length === 0)
    return notAsked(about, 'there are no environments to look at', 'commit an environment file');
  const { interval } = context.config.checks;
  const remedy = 'see the log of checkDrift and whether its schedule runs (Cloud Scheduler); docs/runbook.md, Stale';
  if (last === undefined) return failed(about, 'no look at any environment is known', remedy);
  const age = context.ports.now().getTime() - parseTime(last);
  return age > intervalsUntilStale * parseDuration(interval)
    ? failed(
        about,
        `the last look at any environment began at ${shortTime(last)}, and is due every ${interval}`,
        remedy,
      )
    : ok(about, `the last look began at ${shortTime(last)}, and is due every ${interval}`);
}

/** Tokens are refused, and leases misread, where clocks are minutes apart. Milliseconds. */
const mostSkew = 60_000;
/** Of the answer, which has whole seconds. */
const answerMilliseconds = 10_000;

/** How far this machine's clock is from Storage's, by whose times all of it is judged. */
export async function lookAtClock(context: Context): Promise<readonly Finding[]> {
  const about = { check: 'clock', subject: 'this machine' };
  const url = context.config.storage?.endpoint ?? 'https://storage.googleapis.com/';
  const began = context.ports.now().getTime();
  let date: number;
  try {
    const answer = await fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(answerMilliseconds) });
    await answer.body?.cancel();
    date = Date.parse(answer.headers.get('date') ?? '');
  } catch {
    return [notAsked(about, `${url} does not answer`, 'see whether the network and its proxy lead there')];
  }
  if (Number.isNaN(date))
    return [notAsked(about, `${url} does not say what time it is`, 'compare it with `date -u` elsewhere')];
  const ended = context.ports.now().getTime();
  // What it says was rounded down, at some moment between asking and the answer.
  const ahead = date + 500 - (began + ended) / 2;
  const seconds = Math.round(Math.abs(ahead) / 1000);
  return [
    Math.abs(ahead) <= mostSkew
      ? ok(about, `${seconds} s from that of Cloud Storage`)
      : failed(
          about,
          `${seconds} s ${ahead > 0 ? 'behind' : 'ahead of'} that of Cloud Storage`,
          'set it, by NTP: tokens are refused where clocks differ',
        ),
  ];
}
