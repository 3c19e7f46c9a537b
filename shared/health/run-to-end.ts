import { z } from 'zod';
import type { KubernetesObject } from '../objects/kubernetes-object.ts';
import { conditionList, describeCondition, trueCondition } from './conditions.ts';
import { assessJob } from './job.ts';
import { part } from './observed-shape.ts';
import { assessPod } from './pod.ts';

/** How far something that ends by itself has come; the message is one sentence without the object's name. */
export interface Progress {
  readonly state: 'running' | 'succeeded' | 'failed';
  readonly message: string;
}

const statusSchema = z.object({ status: part({ phase: z.string().optional(), conditions: conditionList }) });

/** Judges an observed Job or Pod by its end alone: a Pod that serves is healthy, but has not succeeded. */
export function assessProgress(object: KubernetesObject): Progress {
  return object.kind === 'Pod' ? progressOfPod(object) : progressOfJob(object);
}

function progressOfPod(object: KubernetesObject): Progress {
  const { message } = assessPod(object);
  switch (statusSchema.safeParse(object).data?.status.phase) {
    case 'Succeeded':
      return { state: 'succeeded', message };
    case 'Failed':
      return { state: 'failed', message };
    default:
      return { state: 'running', message };
  }
}

function progressOfJob(object: KubernetesObject): Progress {
  const { state, message } = assessJob(object);
  if (state === 'Healthy') return { state: 'succeeded', message };
  if (state !== 'Degraded') return { state: 'running', message };
  const failed = trueCondition(statusSchema.safeParse(object).data?.status.conditions ?? [], 'Failed');
  if (failed === undefined || !failed.reason || !failed.message) return { state: 'failed', message };
  return { state: 'failed', message: `${failed.reason}: ${describeCondition(failed)}` };
}
