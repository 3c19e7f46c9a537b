import { z } from 'zod';
import type { KubernetesObject } from '../objects/kubernetes-object.ts';
import { ruleTargetSchema } from '../objects/rule-target.ts';
import { compileCel, type CelResult, type Compiled } from './cel.ts';
import { degraded, healthy, progressing, unknown, type HealthRule } from './health.ts';
import { describeStatus } from './status-words.ts';

const celExpression = z
  .string()
  .min(1)
  .superRefine((text, context) => {
    const compiled = compileCel(text);
    if (!compiled.ok)
      context.addIssue({ code: 'custom', message: `is no CEL expression that can be used: ${compiled.message}` });
  });

/** When an object is healthy, and when it has failed: CEL expressions over the object. */
export const healthExpressionsSchema = z.strictObject({
  target: ruleTargetSchema,
  healthy: celExpression,
  degraded: celExpression.optional(),
});
export type HealthExpressions = Readonly<z.output<typeof healthExpressionsSchema>>;

/**
 * A rule of the environment file's `health`. A field that the object has not makes its expression false, since
 * controllers fill a status in as they go; an expression that cannot be evaluated for any other reason makes the object
 * `Unknown`, with CEL's message.
 */
export function expressionRule(expressions: HealthExpressions): HealthRule {
  const isDegraded = compileCel(expressions.degraded ?? 'false');
  const isHealthy = compileCel(expressions.healthy);
  return (object) => {
    const failing = ask(isDegraded, object);
    if (failing.kind === 'failed') return unknown(`its degraded expression ${failing.message}`);
    if (isTrue(failing)) return degraded(describeStatus(object, 'bad') ?? 'its degraded expression is true');

    const answer = ask(isHealthy, object);
    if (answer.kind === 'failed') return unknown(`its healthy expression ${answer.message}`);
    if (isTrue(answer)) return healthy('its healthy expression is true');
    const reason = answer.kind === 'absent' ? answer.message : describeStatus(object, 'bad');
    return progressing(`its healthy expression is not true yet${reason === undefined ? '' : `: ${reason}`}`);
  };
}

/** Expressions of an environment file compile: it is refused otherwise. */
function ask(compiled: Compiled, object: KubernetesObject): CelResult {
  if (!compiled.ok) return { kind: 'failed', message: `does not compile: ${compiled.message}` };
  const answer = compiled.expression(object);
  return answer.kind === 'failed' ? { kind: 'failed', message: `cannot be evaluated: ${answer.message}` } : answer;
}

function isTrue(answer: CelResult): boolean {
  return answer.kind === 'answer' && answer.value;
}
