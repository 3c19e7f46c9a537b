import { z } from 'zod';
import type { KubernetesObject } from '../objects/kubernetes-object.ts';
import { groupOf } from '../objects/object-id.ts';
import { compileCel, type CelExpression } from './cel.ts';
import { degraded, healthy, progressing, suspended, type Health, type HealthRule } from './health.ts';
import type { KnownKind } from './known-kinds/known-kind.ts';
import { knownKinds } from './known-kinds/known-kinds.ts';
import { describeStatus } from './status-words.ts';

/**
 * The rule of a kind that is not built in and that the table of expressions knows, by `group/Kind`, `group/*` or
 * `*.parent/*`, the narrowest first; undefined for any other kind.
 */
export function knownKindRule({ apiVersion, kind }: KubernetesObject): HealthRule | undefined {
  const group = groupOf(apiVersion);
  const parents = group.split('.').map((_, index, parts) => `*.${parts.slice(index + 1).join('.')}/*`);
  return [`${group}/${kind}`, `${group}/*`, ...parents].map((key) => rules.get(key)).find((rule) => rule !== undefined);
}

const rules: ReadonlyMap<string, HealthRule> = new Map(
  knownKinds.flatMap((row) => row.kinds.map((key) => [key, ruleOf(row)] as const)),
);

/** An expression of the table is checked by a test; one that does not compile is never true. */
function expressionOf(text: string | undefined): CelExpression | undefined {
  const compiled = text === undefined ? undefined : compileCel(text);
  return compiled?.ok === true ? compiled.expression : undefined;
}

/** Compiled at the first object of its kind: most runs meet a few kinds of the table only. */
function ruleOf(row: KnownKind): HealthRule {
  return (object) => {
    if (isStale(object)) return progressing('its controller has not seen the latest specification yet');
    const current = withCurrentConditions(object);
    const says = (text: string | undefined) => {
      const answer = expressionOf(text)?.(current);
      return answer?.kind === 'answer' && answer.value;
    };
    if (says(row.suspended)) return suspended(describeStatus(current, 'good') ?? 'it is paused');
    if (says(row.degraded)) return degraded(describeStatus(current, 'bad') ?? 'it has failed');
    if (!says(row.progressing) && says(row.healthy)) return healthy(describeStatus(current, 'good') ?? 'it is ready');
    return waiting(current);
  };
}

function waiting(object: KubernetesObject): Health {
  const status = object['status'];
  if (status === undefined || status === null) return progressing('its controller has not reported yet');
  return progressing(describeStatus(object, 'bad') ?? 'it is not ready yet');
}

const observedSchema = z.object({ observedGeneration: z.number().min(0) });

/**
 * Some controllers (Flux) write -1 until they have succeeded once: that says nothing of the generation they have seen.
 */
function isStale({ metadata, status }: KubernetesObject): boolean {
  const observed = observedSchema.safeParse(status);
  return observed.success && observed.data.observedGeneration < (metadata.generation ?? 0);
}

const conditionsSchema = z.looseObject({ conditions: z.array(z.unknown()) });
const booleanSchema = z.looseObject({ status: z.boolean() });

/** Without the conditions of an earlier specification; a boolean where the conventions ask for a word is the word. */
function withCurrentConditions(object: KubernetesObject): KubernetesObject {
  const status = conditionsSchema.safeParse(object['status']);
  if (!status.success) return object;
  const { generation = 0 } = object.metadata;
  const generationOf = (condition: unknown) =>
    observedSchema.safeParse(condition).data?.observedGeneration ?? generation;
  const current = status.data.conditions.filter((condition) => generationOf(condition) >= generation);
  const conditions = current.map((condition) => {
    const written = booleanSchema.safeParse(condition);
    return written.success ? { ...written.data, status: written.data.status ? 'True' : 'False' } : condition;
  });
  return { ...object, status: { ...status.data, conditions } };
}
