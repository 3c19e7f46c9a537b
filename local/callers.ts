import type { Access, GuardedFunction } from '../shared/access/access.ts';
import type { Issuer } from './parts/issuer.ts';

/** Who calls which function, as on Google Cloud: each by a service account of its own. */
const callers = {
  copyArtifact: 'converge-eventarc',
  fanOut: 'converge-push',
  reconcile: 'converge-push',
  deliverAlert: 'converge-push',
  planChange: 'converge-push',
  checkDrift: 'converge-scheduler',
  report: 'converge-scheduler',
} as const satisfies Partial<Record<GuardedFunction, string>>;

export type CalledFunction = keyof typeof callers;

const emailOf = (name: CalledFunction): string => `${callers[name]}@local.iam.gserviceaccount.com`;
const audienceOf = (name: CalledFunction): string => `https://local/${name}`;
const rule = (name: CalledFunction) => ({ audiences: [audienceOf(name)], callers: [emailOf(name)] });

/**
 * The doors of the local functions: as in production, but that a person may read the status, look into the clusters,
 * and act, with nothing but a browser.
 */
export function localAccess({ name, keys }: Issuer): Access {
  const functions = {
    copyArtifact: rule('copyArtifact'),
    fanOut: rule('fanOut'),
    reconcile: rule('reconcile'),
    deliverAlert: rule('deliverAlert'),
    planChange: rule('planChange'),
    checkDrift: rule('checkDrift'),
    report: rule('report'),
    status: 'open' as const,
    inspect: 'open' as const,
    act: 'open' as const,
  };
  return { signature: 'required', issuer: { name, keys }, functions };
}

/** The header that lets a call of a function in. */
export async function authorize(issuer: Issuer, name: CalledFunction): Promise<{ authorization: string }> {
  return { authorization: `Bearer ${await issuer.token({ audience: audienceOf(name), email: emailOf(name) })}` };
}
