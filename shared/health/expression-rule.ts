import type { HealthExpressions } from '../environment/environment-file.ts';
import { compileCel, type CelAnswer } from './cel.ts';
import { degraded, healthy, progressing, unknown, type HealthRule } from './health.ts';
import { describeStatus } from './status-words.ts';

/**
 * A rule of the environment file's `health`. A field that the object has not makes its expression false, since
 * controllers fill a status in as they go; an expression that cannot be evaluated for any other reason makes the object `Unknown`,
 * with CEL's message.
 */
export function expressionRule(expressions: Pick<HealthExpressions, 'healthy' | 'degraded'>): HealthRule {
  const isDegraded = expressions.degraded === undefined ? undefined : compileCel(expressions.degraded);
  const isHealthy = compileCel(expressions.healthy);
  return (object) => {
    for (const [key, compiled] of [['degraded', isDegraded], ['healthy', isHealthy]] as const) {
      if (compiled === undefined) continue;
      if (!compiled.ok) return unknown(`its ${key} expression does not compile: ${compiled.message}`);
      const answer = compiled.expression(object);
      if (answer.kind === 'failed') return unknown(`its ${key} expression cannot be evaluated: ${answer.message}`);
      if (isTrue(answer)) return key === 'degraded' ? degraded(describeStatus(object, 'bad') ?? 'its degraded expression is true') : healthy('its healthy expression is true');
      if (key === 'healthy') return progressing(answer.kind === 'absent' ? `its healthy expression is not true yet: ${answer.message}` : (describeStatus(object, 'bad') ?? 'its healthy expression is not true yet'));
    }
    return progressing('its healthy expression is not true yet');
  };
}

function isTrue(answer: CelAnswer): boolean {
  return answer.kind === 'answer' && answer.value;
}
