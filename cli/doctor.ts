import type { Permissions } from '../shared/ports/permissions.ts';
import type { CommandResult, Line } from './command-result.ts';
import { findPubSub, type Context } from './context.ts';
import { lookAtCloud, readOutputs } from './doctor/cloud.ts';
import { lookAtClusters, reachedFromHere } from './doctor/clusters.ts';
import type { Finding } from './doctor/finding.ts';
import { lookAtGoogle, lookAtLetters } from './doctor/google.ts';
import { lookHere } from './doctor/here.ts';
import { lookAtGit } from './doctor/hosts.ts';
import { lookAtClock, lookAtPipeline } from './doctor/pipeline.ts';
import { lookAtQuotas } from './doctor/quotas.ts';

export interface DoctorOptions {
  /** A file with what `terraform output -json` prints, or `-` for standard input. */
  readonly cloud?: string;
}

const words = { ok: 'ok', warning: 'warning', failed: 'failed', 'not-asked': 'not asked' } as const;
const tones = { ok: 'good', warning: 'warning', failed: 'bad', 'not-asked': 'detail' } as const;

/**
 * `converge doctor`: what is wrong between here and the clusters, each with what mends it. Exit code 1 where something is;
 * what could not be asked is neither good nor bad, and a warning is none. Nothing is written anywhere.
 */
export async function examine(
  context: Context,
  { cloud }: DoctorOptions,
  permissions?: Permissions,
): Promise<CommandResult> {
  const outputs = cloud === undefined ? undefined : await readOutputs(cloud);
  findPubSub(context);
  const { createPermissions } = await import('../shared/adapters/permissions.ts');
  const { createQuotas } = await import('../shared/adapters/quotas.ts');
  const asks = permissions ?? createPermissions(reachedFromHere(context), context.ports);
  context.progress('asks Git hosts, Google Cloud and clusters');
  const found = await Promise.all([
    lookHere(context),
    lookAtClock(context),
    lookAtGit(context, asks),
    lookAtGoogle(context, asks),
    lookAtLetters(context, asks),
    lookAtPipeline(context),
    lookAtQuotas(context, createQuotas(context.config)),
    lookAtClusters(context, asks),
    outputs === undefined ? [] : lookAtCloud(context, outputs),
  ]);
  const checks = found.flat();
  const bad = checks.filter(({ state }) => state === 'failed').length;
  const warned = checks.filter(({ state }) => state === 'warning').length;
  const unasked = checks.filter(({ state }) => state === 'not-asked').length;
  return {
    exit: bad === 0 ? 0 : 1,
    json: { checks },
    lines: [
      ...checks.flatMap(linesOf),
      {
        text: `${checks.length - bad - warned - unasked} ok, ${warned === 0 ? '' : `${warned} to be warned of, `}${bad} failed, ${unasked} not asked`,
        tone: bad === 0 ? 'good' : 'bad',
      },
    ],
  };
}

function linesOf({ check, subject, state, message, remedy }: Finding): Line[] {
  const line: Line = {
    text: `${words[state].padEnd(9)}  ${check.padEnd(13)}  ${subject}: ${message}`,
    tone: tones[state],
  };
  return remedy === null ? [line] : [line, { text: `${' '.repeat(11)}${remedy}`, tone: 'plain' }];
}
