import { z } from 'zod';
import { conditionList, describeCondition, findCondition } from './conditions.ts';
import { degraded, healthy, progressing, unknown, type Health } from './health.ts';
import { part, rule } from './observed-shape.ts';

const waiting = z.object({ reason: z.string().default(''), message: z.string().default('') }).optional();
const terminated = z
  .object({ exitCode: z.number(), reason: z.string().default(''), message: z.string().default('') })
  .optional();

const containers = z
  .array(z.object({ name: z.string(), state: part({ waiting, terminated }), lastState: part({ terminated }) }))
  .nullish()
  .transform((list) => list ?? []);

const podSchema = z.object({
  spec: part({ restartPolicy: z.string().default('Always') }),
  status: part({
    phase: z.string().optional(),
    message: z.string().optional(),
    conditions: conditionList,
    initContainerStatuses: containers,
    containerStatuses: containers,
  }),
});
type Pod = z.infer<typeof podSchema>;

/**
 * A pod that runs to an end is not there yet while it runs, whereas one that is always restarted has arrived when it is
 * ready.
 */
export const assessPod = rule(podSchema, (pod) => {
  const { spec, status } = pod;
  const restartsAlways = spec.restartPolicy === 'Always';
  const stuck = restartsAlways ? describeStuck(pod) : undefined;
  if (stuck !== undefined) return degraded(stuck);
  switch (status.phase) {
    case undefined:
    case 'Pending':
      return progressing(describeWait(pod) ?? 'it is waiting to start');
    case 'Running':
      return restartsAlways ? assessServing(pod) : progressing('it is running and has not ended yet');
    case 'Succeeded':
      return healthy('it has ended successfully');
    case 'Failed':
      return degraded(describeFailure(pod));
    default:
      return unknown(`its phase is ${status.phase}`);
  }
});

function assessServing(pod: Pod): Health {
  const ready = findCondition(pod.status.conditions, 'Ready');
  if (ready?.status === 'True') return healthy('it is ready');
  const crashed = pod.status.containerStatuses.find((container) => container.lastState.terminated !== undefined);
  if (crashed !== undefined) return degraded(`container ${crashed.name} has ended and is being restarted`);
  return progressing(ready === undefined ? 'it does not say that it is ready' : describeCondition(ready));
}

/**
 * Reasons of the kubelet for a container it cannot start: `ErrImagePull`, `InvalidImageName`,
 * `CreateContainerConfigError`, `CrashLoopBackOff`.
 */
const stuckReason = /^Err|^Invalid|Error$|BackOff$/;

function describeStuck({ status }: Pod): string | undefined {
  const all = [...status.initContainerStatuses, ...status.containerStatuses];
  const stuck = all.filter(({ state }) => stuckReason.test(state.waiting?.reason ?? ''));
  if (stuck.length === 0) return undefined;
  return stuck
    .map(({ name, state }) => `container ${name}: ${state.waiting?.message || state.waiting?.reason}`)
    .join('; ');
}

/** The scheduler says why a pod finds no node in the message of `PodScheduled`. */
function describeWait({ status }: Pod): string | undefined {
  const scheduled = findCondition(status.conditions, 'PodScheduled');
  return scheduled?.status === 'False' ? describeCondition(scheduled) : undefined;
}

function describeFailure({ status }: Pod): string {
  if (status.message !== undefined) return status.message;
  const all = [...status.initContainerStatuses, ...status.containerStatuses];
  const failed = all.filter(({ state }) => (state.terminated?.exitCode ?? 0) !== 0);
  if (failed.length === 0) return 'it has failed';
  return failed
    .map(
      ({ name, state }) =>
        `container ${name}: ${state.terminated?.message || `ended with exit code ${state.terminated?.exitCode}`}`,
    )
    .join('; ');
}
