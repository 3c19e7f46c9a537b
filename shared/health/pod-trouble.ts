import { z } from 'zod';
import type { KubernetesObject } from '../objects/kubernetes-object.ts';
import { conditionList, describeCondition, findCondition } from './conditions.ts';
import { mayStartLater } from './healing-causes.ts';
import { part } from './observed-shape.ts';

/** Why a Pod is not there yet. `failing`: waiting will not mend it, as far as its status tells. */
export interface PodTrouble {
  readonly verdict: 'failing' | 'progressing';
  readonly message: string;
}

const waiting = z.object({ reason: z.string().default(''), message: z.string().default('') }).optional();
const terminated = z
  .object({ exitCode: z.number(), reason: z.string().default(''), message: z.string().default('') })
  .optional();

const containerSchema = z.object({
  name: z.string(),
  ready: z.boolean().default(false),
  restartCount: z.number().default(0),
  state: part({ waiting, terminated, running: z.unknown().optional() }),
  lastState: part({ terminated }),
});
type Container = z.infer<typeof containerSchema>;
const containers = z
  .array(containerSchema)
  .nullish()
  .transform((list) => list ?? []);

const specified = z
  .array(z.object({ name: z.string(), resources: part({ limits: part({ memory: z.string().optional() }) }) }))
  .nullish()
  .transform((list) => list ?? []);

const podSchema = z.object({
  spec: part({ containers: specified, initContainers: specified }),
  status: part({
    phase: z.string().optional(),
    reason: z.string().optional(),
    message: z.string().optional(),
    conditions: conditionList,
    initContainerStatuses: containers,
    containerStatuses: containers,
  }),
});
type Pod = z.infer<typeof podSchema>;

/**
 * Reasons for which the kubelet cannot start a container: `ErrImagePull`, `InvalidImageName`,
 * `CreateContainerConfigError`, …
 */
const cannotStart = /^Err|^Invalid|Error$|^ImagePullBackOff$|^RegistryUnavailable$/;
/** What every container waits for at first. */
const starting = /^(ContainerCreating|PodInitializing)?$/;
/** Kubernetes restarts what has crashed once; from this many restarts on, a crash is no accident. */
const restartsOfFailure = 2;

/**
 * What stands in the way of an observed Pod, or undefined where it is ready, has ended well, or cannot be read.
 *
 * @param options.countsCrashes whether the Pod's owner counts crashes itself and gives up by its own limit, as a Job
 * does
 */
export function troubleOf(
  object: KubernetesObject,
  { countsCrashes }: { countsCrashes: boolean },
): PodTrouble | undefined {
  const pod = podSchema.safeParse(object).data;
  if (pod === undefined) return undefined;
  const { status } = pod;
  if (status.phase === 'Succeeded') return undefined;
  if (status.phase === 'Failed') return progressing(describeEnd(pod));
  const ready = findCondition(status.conditions, 'Ready');
  if (ready?.status === 'True') return undefined;

  const all = [...status.initContainerStatuses, ...status.containerStatuses];
  const failing = all.flatMap((container) => describeFailing({ container, pod, countsCrashes }) ?? []);
  if (failing[0] !== undefined) return { verdict: 'failing', message: failing.join('; ') };

  const scheduled = findCondition(status.conditions, 'PodScheduled');
  if (scheduled?.status === 'False') return progressing(`no node takes it: ${describeCondition(scheduled)}`);
  const crashed = all.find((container) => endOf(container) !== undefined && !hasDone(container));
  if (crashed !== undefined)
    return progressing(`container ${crashed.name}: ${describeCrash({ container: crashed, pod })}`);
  const held = all.find(({ state }) => state.waiting !== undefined && !starting.test(state.waiting.reason));
  if (held !== undefined) return progressing(`container ${held.name}: ${describeWaiting(held)}`);
  const preparing = status.initContainerStatuses.find(({ ready: done, state }) => !done && state.running !== undefined);
  if (preparing !== undefined) return progressing(`init container ${preparing.name} is running`);
  if (status.phase !== 'Running') return progressing('it is starting');
  if (ready === undefined) return progressing('it is running and does not say that it is ready');
  return progressing(`it is running and not ready: ${describeCondition(ready)}`);
}

function progressing(message: string): PodTrouble {
  return { verdict: 'progressing', message };
}

function describeFailing({
  container,
  pod,
  countsCrashes,
}: {
  container: Container;
  pod: Pod;
  countsCrashes: boolean;
}): string | undefined {
  const { name, ready, restartCount, state } = container;
  const reason = state.waiting?.reason ?? '';
  if (cannotStart.test(reason) && mayStartLater({ reason, message: state.waiting?.message ?? '' })) return undefined;
  if (countsCrashes && cannotStart.test(reason)) return `container ${name}: ${describeWaiting(container)}`;
  if (countsCrashes) return undefined;
  if (reason === 'CrashLoopBackOff') return `container ${name}: CrashLoopBackOff: ${describeCrash({ container, pod })}`;
  if (cannotStart.test(reason)) return `container ${name}: ${describeWaiting(container)}`;
  const end = endOf(container);
  if (ready || restartCount < restartsOfFailure || end === undefined || end.exitCode === 0) return undefined;
  const unready = state.running === undefined ? '' : ', runs again and is not ready';
  return `container ${name}: ${describeCrash({ container, pod })}${unready}`;
}

function describeWaiting({ state: { waiting: why } }: Container): string {
  return why?.message ? `${why.reason}: ${why.message}` : (why?.reason ?? '');
}

function endOf({ state, lastState }: Container) {
  return state.terminated ?? lastState.terminated;
}

/** An init container that has ended well, or a container that is ready after an accident. */
function hasDone({ ready, state }: Container): boolean {
  return ready || state.terminated?.exitCode === 0;
}

/**
 * The last end of a container: its exit code, the reason in the kubelet's word, what the container itself said, and how
 * often.
 */
function describeCrash({ container, pod }: { container: Container; pod: Pod }): string {
  const end = endOf(container);
  const restarts = container.restartCount === 1 ? 'restarted once' : `restarted ${container.restartCount} times`;
  if (end === undefined) return container.state.waiting?.message || restarts;
  const limit = end.reason === 'OOMKilled' ? memoryLimit({ container, pod }) : '';
  const reason = end.reason === '' || end.reason === 'Error' ? '' : ` (${end.reason}${limit})`;
  const words = end.message.trim() === '' ? '' : `: ${end.message.trim()}`;
  return `ended with exit code ${end.exitCode}${reason}, ${restarts}${words}`;
}

function memoryLimit({ container, pod }: { container: Container; pod: Pod }): string {
  const limit = [...pod.spec.containers, ...pod.spec.initContainers].find(({ name }) => name === container.name)
    ?.resources.limits.memory;
  return limit === undefined ? '' : ` at ${limit}`;
}

function describeEnd({ status }: Pod): string {
  if (status.reason || status.message)
    return `a pod has failed: ${[status.reason, status.message].filter(Boolean).join(': ')}`;
  const failed = [...status.initContainerStatuses, ...status.containerStatuses].find(
    (container) => (endOf(container)?.exitCode ?? 0) !== 0,
  );
  return failed === undefined
    ? 'a pod has failed'
    : `a pod has failed: container ${failed.name} ended with exit code ${endOf(failed)?.exitCode}`;
}
