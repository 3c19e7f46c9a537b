import type { KubernetesObject } from '../objects/kubernetes-object.ts';

/** From best to worst, in Argo CD's order: what cannot be judged ranks behind what is known to be broken. */
export const healthStates = ['Healthy', 'Suspended', 'Progressing', 'Missing', 'Degraded', 'Unknown'] as const;
export type HealthState = (typeof healthStates)[number];

/** What an observed object says about itself; the message is one sentence without the object's name. */
export interface Health {
  readonly state: HealthState;
  readonly message: string;
}

/** Judges one observed object of the kinds it is written for. */
export type HealthRule = (object: KubernetesObject) => Health;

export function healthy(message: string): Health {
  return { state: 'Healthy', message };
}

export function progressing(message: string): Health {
  return { state: 'Progressing', message };
}

export function degraded(message: string): Health {
  return { state: 'Degraded', message };
}

export function suspended(message: string): Health {
  return { state: 'Suspended', message };
}

export function missing(message: string): Health {
  return { state: 'Missing', message };
}

export function unknown(message: string): Health {
  return { state: 'Unknown', message };
}

/** Controllers and containers write what they like: a message stands in one line of an alert or a log. */
export function oneLine(text: string): string {
  return text.trim().replace(/\s+/g, ' ');
}

/** The worst of them, the first one where several are equally bad; nothing at all is healthy. */
export function worstHealth(healths: readonly Health[]): Health {
  return healths.reduce(
    (worst, health) => (healthStates.indexOf(health.state) > healthStates.indexOf(worst.state) ? health : worst),
    healths[0] ?? healthy('there are no objects'),
  );
}
