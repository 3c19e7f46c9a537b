import { randomUUID } from 'node:crypto';
import { meantBy } from '../shared/base/nearest-name.ts';
import { ConvergeError } from '../shared/base/errors.ts';
import type { AlertSink, SinkKind } from '../shared/config/sinks.ts';
import { boundedText } from '../shared/notices/bounded-text.ts';
import { kindOf } from '../shared/notices/sink-abilities.ts';
import { testAlert } from '../shared/notices/test-alert.ts';
import type { HeardAnswer, Sinks } from '../shared/ports/messages.ts';
import { CommandError } from './command-error.ts';
import type { CommandResult, Line } from './command-result.ts';
import type { Context } from './context.ts';
import { whoAsks } from './who-asks.ts';

/** Those behind which an incident stays open until somebody ends it. */
const keepsOpen: ReadonlySet<SinkKind> = new Set(['webhook', 'pagerduty']);
/** Of what a sink answered, in characters. */
const longestAnswer = 300;

type Told = 'opened' | 'closed';
type Answer = HeardAnswer & { readonly to: Told };

/**
 * `converge test-sink SINK`: one test alert to one sink, by the code that delivers alerts and the secrets that the
 * configuration names. Neither `only` nor `quietHours` hold it back, and nothing is remembered of it. Exit code 1 where it
 * was not delivered. Throws `CommandError` where there is no such sink.
 *
 * @param make what delivers, and is heard; absent: what `deliverAlert` uses
 */
export async function testSink(
  context: Context,
  name: string,
  make: (heard: (answer: HeardAnswer) => void) => Promise<Sinks> = realSinks(context),
): Promise<CommandResult> {
  const sink = sinkOf(context, name);
  const kind = kindOf(sink);
  const since = context.ports.now();
  const by = boundedText(await whoAsks(context.environment), 200);
  const key = `test-${randomUUID()}`;
  const answers: Answer[] = [];
  const missed = new Set<string>();
  let state: Told = 'opened';
  const sinks = await make(({ status, text }) => {
    answers.push({ to: state, status, text: boundedText(text.trim(), longestAnswer) });
  });
  const tell = async (): Promise<void> => {
    const test = testAlert({ sink: name, by, key, since, at: context.ports.now(), state });
    const delivery = { sink, ...test, message: undefined, perhaps: false };
    await sinks.deliver(delivery, (whom) => void missed.add(whom));
  };
  let problem: Problem | null = null;
  // Ctrl-C ends the process at once, with what was asked under way.
  const leave = (): void =>
    void process.stderr.write(`${name} may have the test, and not its end: resolve ${key} there by hand\n`);
  if (keepsOpen.has(kind)) process.once('exit', leave);
  try {
    await tell();
    state = 'closed';
    if (keepsOpen.has(kind)) await tell();
  } catch (error) {
    if (!(error instanceof ConvergeError)) throw error;
    problem = problemOf(error, { sink, key, isOpen: state === 'closed' || error.unanswered });
  } finally {
    process.off('exit', leave);
  }
  const isWell = problem === null && missed.size === 0;
  const at = since.toISOString();
  return {
    exit: isWell ? 0 : 1,
    json: {
      ...{ sink: name, kind, outcome: problem === null ? 'delivered' : 'failed', by, at, incident: key },
      ...{ answers, missed: [...missed], problem },
    },
    lines: [
      ...answers.map(answerLine),
      ...[...missed].map((whom): Line => ({ text: `not taken for ${whom}`, tone: 'bad' })),
      ...(problem === null
        ? [deliveredLine({ name, kind, key })]
        : [
            { text: `${name} (${kind}): ${problem.code}: ${problem.message}`, tone: 'bad' as const },
            ...(problem.remedy === null ? [] : [{ text: problem.remedy, tone: 'plain' as const }]),
          ]),
    ],
  };
}

function answerLine({ to, status, text }: Answer): Line {
  const asked = to === 'opened' ? 'the test' : 'its end';
  return { text: `to ${asked} it answered ${status}${text === '' ? '' : `: ${text}`}`, tone: 'detail' };
}

function deliveredLine({ name, kind, key }: { name: string; kind: SinkKind; key: string }): Line {
  const ended = keepsOpen.has(kind) ? ', and its end' : '';
  return { text: `${name} (${kind}): took the test ${key}${ended}`, tone: 'good' };
}

interface Problem {
  readonly code: string;
  readonly message: string;
  readonly remedy: string | null;
}

function problemOf(
  { code, subject, problem, remedy, cause }: ConvergeError,
  { sink, key, isOpen }: { sink: AlertSink; key: string; isOpen: boolean },
): Problem {
  switch (code) {
    case 'SecretUnavailable':
      return {
        code,
        message: `you have no usable secret of it here: ${subject} ${problem}`,
        // What can be read, and holds nothing that can be used, says by itself what belongs there.
        remedy:
          (cause === undefined ? remedy : undefined) ??
          `on Google Cloud the functions alone have that file: let somebody who may read the secret run this, ` +
            `with a configuration that names a copy of it (gcloud secrets versions access latest --secret NAME)`,
      };
    case 'CredentialsUnavailable':
      return {
        code,
        message: `you have no credentials for it here: ${problem}`,
        remedy:
          'it is posted to as the account of deliver-alert: who may act as that account asks, by gcloud auth application-default login --impersonate-service-account ACCOUNT',
      };
    default: {
      const open = isOpen ? `it may have the test, and not its end: resolve ${key} there by hand` : null;
      const own = remedy ?? remedyOf(sink);
      return { code, message: problem, remedy: open === null ? own : `${own}; ${open}` };
    }
  }
}

function remedyOf({ name }: AlertSink): string {
  return `see the entry ${name} of alerts.sinks and its secret, and what its own log says; docs/runbook.md, SinkRefused and SinkUnavailable`;
}

function sinkOf({ config }: Context, name: string): AlertSink {
  const { sinks } = config.alerts;
  const found = sinks.find((sink) => sink.name === name);
  if (found !== undefined) return found;
  const names = sinks.map((sink) => sink.name);
  const meant = meantBy({ name, among: names });
  throw new CommandError({
    subject: name,
    message: 'the configuration has no alert sink of that name',
    remedy:
      names.length === 0
        ? 'it has none: alerts.sinks names them'
        : `${meant === undefined ? '' : `did you mean ${meant}? `}there are ${names.join(', ')}`,
  });
}

function realSinks({ config }: Context): (heard: (answer: HeardAnswer) => void) => Promise<Sinks> {
  return async (heard) => {
    const { createSinks } = await import('../shared/adapters/sinks.ts');
    return createSinks({ repositoryUrl: (repositoryClass) => config.repositories[repositoryClass]?.url, heard });
  };
}
