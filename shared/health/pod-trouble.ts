import { z } from 'zod';
import type { KubernetesObject } from '../objects/kubernetes-object.ts';
import { objectIdOf, objectTitle } from '../objects/object-id.ts';
import { conditionList, describeCondition, findCondition } from './conditions.ts';
import type { FirstCause } from './first-cause.ts';
import { mayStartLater } from './healing-causes.ts';
import { part } from './observed-shape.ts';

/** Why a Pod is not there yet. `failing`: waiting will not mend it, as far as its status tells. */
export interface PodTrouble {
  readonly verdict: 'failing' | 'progressing';
  readonly message: string;
  /** Absent where its status says no more than that it is not there yet. */
  readonly why?: FirstCause | undefined;
}

/** A trouble of one Pod, before it is said which. */
interface Found extends Omit<PodTrouble, 'why'> {
  readonly why?: Omit<FirstCause, 'object'> | undefined;
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
type Pod = z.infer<typeof podSchema> & { readonly hides: Hides };

/** Hides what nobody is to read in words that containers and webhooks write. */
export type Hides = (words: string) => string;

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
 * @param options.hides see `Hides`; what they mean is judged by them as they are
 */
export function troubleOf(
  object: KubernetesObject,
  { countsCrashes, hides = (words) => words }: { countsCrashes: boolean; hides?: Hides | undefined },
): PodTrouble | undefined {
  const pod = podSchema.safeParse(object).data;
  const found = pod === undefined ? undefined : findTrouble({ ...pod, hides }, countsCrashes);
  if (found === undefined) return undefined;
  const { why, ...trouble } = found;
  return why === undefined ? trouble : { ...trouble, why: { object: objectTitle(objectIdOf(object)), ...why } };
}

function findTrouble(pod: Pod, countsCrashes: boolean): Found | undefined {
  const { status } = pod;
  if (status.phase === 'Succeeded') return undefined;
  if (status.phase === 'Failed') return endedBadly(pod);
  const ready = findCondition(status.conditions, 'Ready');
  if (ready?.status === 'True') return undefined;

  const all = [...status.initContainerStatuses, ...status.containerStatuses];
  const failing = all.flatMap((container) => describeFailing({ container, pod, countsCrashes }) ?? []);
  if (failing[0] !== undefined)
    return { verdict: 'failing', message: failing.map(({ message }) => message).join('; '), why: failing[0].why };

  const scheduled = findCondition(status.conditions, 'PodScheduled');
  if (scheduled?.status === 'False')
    return progressing(`no node takes it: ${describeCondition(scheduled)}`, {
      reason: scheduled.reason || 'Unschedulable',
    });
  const crashed = all.find((container) => endOf(container) !== undefined && !hasDone(container));
  if (crashed !== undefined)
    return progressing(`container ${crashed.name}: ${describeCrash({ container: crashed, pod })}`, whyOf(crashed));
  const held = all.find(({ state }) => state.waiting !== undefined && !starting.test(state.waiting.reason));
  if (held !== undefined)
    return progressing(`container ${held.name}: ${describeWaiting({ container: held, pod })}`, whyOf(held));
  const preparing = status.initContainerStatuses.find(({ ready: done, state }) => !done && state.running !== undefined);
  if (preparing !== undefined) return progressing(`init container ${preparing.name} is running`);
  if (status.phase !== 'Running') return progressing('it is starting');
  if (ready === undefined) return progressing('it is running and does not say that it is ready');
  return progressing(`it is running and not ready: ${describeCondition(ready)}`);
}

function progressing(message: string, why?: Found['why']): Found {
  return { verdict: 'progressing', message, ...(why && { why }) };
}

/** What keeps a container from running: its last end where it has one that says more than that it ended. */
function whyOf(container: Container): Found['why'] {
  const waitsFor = container.state.waiting?.reason ?? '';
  const end = endOf(container);
  const word = end?.reason === 'Error' || end?.reason === 'Completed' ? '' : (end?.reason ?? '');
  const isCrash = waitsFor === '' || waitsFor === 'CrashLoopBackOff';
  return {
    container: container.name,
    reason: (isCrash ? word || waitsFor : waitsFor) || 'Error',
    ...(isCrash && end !== undefined && { exitCode: end.exitCode }),
  };
}

function describeFailing({
  container,
  pod,
  countsCrashes,
}: {
  container: Container;
  pod: Pod;
  countsCrashes: boolean;
}): { message: string; why: Found['why'] } | undefined {
  const { name, ready, restartCount, state } = container;
  const says = (message: string) => ({ message: `container ${name}: ${message}`, why: whyOf(container) });
  const reason = state.waiting?.reason ?? '';
  if (cannotStart.test(reason) && mayStartLater({ reason, message: state.waiting?.message ?? '' })) return undefined;
  if (countsCrashes && cannotStart.test(reason)) return says(describeWaiting({ container, pod }));
  if (countsCrashes) return undefined;
  if (reason === 'CrashLoopBackOff') return says(`CrashLoopBackOff: ${describeCrash({ container, pod })}`);
  if (cannotStart.test(reason)) return says(describeWaiting({ container, pod }));
  const end = endOf(container);
  if (ready || restartCount < restartsOfFailure || end === undefined || end.exitCode === 0) return undefined;
  const unready = state.running === undefined ? '' : ', runs again and is not ready';
  return says(`${describeCrash({ container, pod })}${unready}`);
}

function describeWaiting({ container, pod }: { container: Container; pod: Pod }): string {
  const { waiting: why } = container.state;
  return why?.message ? `${why.reason}: ${pod.hides(why.message)}` : (why?.reason ?? '');
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
  if (end === undefined) return pod.hides(container.state.waiting?.message ?? '') || restarts;
  const limit = end.reason === 'OOMKilled' ? memoryLimit({ container, pod }) : '';
  const reason = end.reason === '' || end.reason === 'Error' ? '' : ` (${end.reason}${limit})`;
  const words = end.message.trim() === '' ? '' : `: ${pod.hides(end.message.trim())}`;
  return `ended with exit code ${end.exitCode}${reason}, ${restarts}${words}`;
}

function memoryLimit({ container, pod }: { container: Container; pod: Pod }): string {
  const limit = [...pod.spec.containers, ...pod.spec.initContainers].find(({ name }) => name === container.name)
    ?.resources.limits.memory;
  return limit === undefined ? '' : ` at ${limit}`;
}

function endedBadly({ status, hides }: Pod): Found {
  const failed = [...status.initContainerStatuses, ...status.containerStatuses].find(
    (container) => (endOf(container)?.exitCode ?? 0) !== 0,
  );
  const why = failed === undefined ? undefined : whyOf(failed);
  if (status.reason || status.message) {
    const message = `a pod has failed: ${[status.reason, hides(status.message ?? '')].filter(Boolean).join(': ')}`;
    return progressing(message, status.reason ? { reason: status.reason } : why);
  }
  const end = failed === undefined ? undefined : endOf(failed);
  if (failed === undefined || end === undefined) return progressing('a pod has failed');
  const words = end.message.trim() === '' ? '' : `: ${hides(end.message.trim())}`;
  return progressing(`a pod has failed: container ${failed.name} ended with exit code ${end.exitCode}${words}`, why);
}
