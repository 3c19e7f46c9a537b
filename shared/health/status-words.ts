import { z } from 'zod';
import type { KubernetesObject } from '../objects/kubernetes-object.ts';
import { readConditions, type Condition } from './conditions.ts';

const standing = /Ready$|Available$|Healthy$|Synced$|Accepted$|Programmed$|Succeeded$|Deployed$|Success$/;
const trouble = /fail|error|^stalled|degraded|invalid|terminal|notready|conflict/i;

/** Where controllers that write no conditions put a sentence, and where they put a word. */
const sentences = ['message', 'error', 'errorMessage', 'errorDescription', 'errMsg', 'failureMessage', 'reason'];
const words = ['phase', 'state', 'status', 'health', 'currentState', 'appState'];

const word = z.string().min(1);
const wordsSchema = z.object({ status: z.record(z.string(), z.unknown()) });
const sentence = z.union([
  z.string().min(1),
  z.object({ message: z.string().min(1) }).transform(({ message }) => message),
]);

/**
 * What an object of any kind says about itself, in its controller's words: a condition that speaks for the verdict
 * (`bad`: of a fault or of what is not there yet; `good`: of what is), else a message, else its phase. Undefined where
 * it says nothing.
 */
export function describeStatus(object: KubernetesObject, verdict: 'good' | 'bad'): string | undefined {
  const speaks = ({ type, status }: Condition) => {
    const isOfTrouble = trouble.test(type);
    if (verdict === 'good') return status === 'True' && standing.test(type) && !isOfTrouble;
    return isOfTrouble ? status === 'True' : status !== 'True' && standing.test(type);
  };
  const conditions = readConditions(object['status']).filter(speaks);
  const said = conditions.map(({ message, reason }) => message || reason).find(Boolean);
  if (said !== undefined && said !== null) return said;
  const status = wordsSchema.safeParse(object).data?.status ?? {};
  for (const key of verdict === 'bad' ? sentences : ['message']) {
    const text = sentence.safeParse(status[key]).data;
    if (text !== undefined) return text;
  }
  for (const key of words) {
    const text = word.safeParse(status[key]).data;
    if (text !== undefined) return `its ${key} is ${text}`;
  }
  const [first] = conditions;
  return first === undefined ? undefined : `${first.type} is ${first.status}`;
}
