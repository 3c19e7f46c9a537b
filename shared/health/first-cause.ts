import type { RepeatedWarning } from './repeated-warning.ts';

/** What an object that is not healthy is not healthy for, as far as one thing can be named. */
export interface FirstCause {
  /** Title of the object that it is of: `Pod acme/web-7c9d-x2`. */
  readonly object: string;
  /** The container of that Pod, where it is one. */
  readonly container?: string | undefined;
  /** In the word of who says it: `OOMKilled`, `ErrImagePull`, `Unschedulable`, `FailedCreate`, `FailedMount`. */
  readonly reason: string;
  /** Of the container's last end. */
  readonly exitCode?: number | undefined;
}

/** The first cause, and the Warning event of it, or of what it is about, that the cluster repeats. */
export interface Why extends FirstCause {
  readonly event?: RepeatedWarning | undefined;
}

/**
 * Why an object is not healthy, in one order: what the API server refuses of its Pods, what keeps a container from
 * running, that no node takes a Pod (all of it in `trouble`); else the event that repeats; else what the object itself
 * says.
 *
 * @param known.message what the object says itself, or its rule of health
 * @param known.trouble what its Pods say
 * @param known.warning of the object, and of what it is made of
 */
export function firstCause({
  message,
  trouble,
  warning,
}: {
  message: string;
  trouble: { readonly message: string; readonly why?: FirstCause | undefined } | undefined;
  warning: RepeatedWarning | undefined;
}): { readonly message: string; readonly why?: Why } {
  const said = trouble?.message ?? message;
  const event = warning === undefined ? {} : { event: warning };
  if (trouble?.why !== undefined) return { message: said, why: { ...trouble.why, ...event } };
  if (warning === undefined) return { message: said };
  const { object, reason, message: words } = warning;
  const isSaid = words === '' || said.includes(words);
  return { message: isSaid ? said : `${said}; ${reason}: ${words}`, why: { object, reason, ...event } };
}
