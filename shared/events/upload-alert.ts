import { z } from 'zod';
import { ConvergeError } from '../base/errors.ts';
import { eventId, eventSource, parseEventData, type IncomingEvent, type OutgoingEvent } from './cloud-event.ts';

export const uploadRefusedType = 'dev.converge.upload.refused.v1';
export const uploadAcceptedType = 'dev.converge.upload.accepted.v1';

const text = z.string().nullable().default(null);

/** An upload that is in no commit, and stays so until its uploader does something. */
export const uploadRefusedSchema = z.object({
  /** The class. */
  repository: z.string(),
  /** `gs://bucket/name#generation` */
  artifact: z.string(),
  /** The same for each upload of that name. */
  incident: z.string(),
  /** When the first upload of that name was made that was refused, with none accepted since: ISO 8601. */
  since: z.string(),
  /** The error's code, `InvalidEnvironment` say. */
  reason: z.string(),
  /** What is wrong, in one sentence, with file and line where it is about a file of the upload. */
  message: z.string(),
  remedy: text,
  /** As the uploader said; null where nobody did. */
  author: text,
  build: text,
});
export type UploadRefused = z.infer<typeof uploadRefusedSchema>;

/** A file of an upload that nothing comes of. */
const unusedFileSchema = z.object({
  /** In the repository. */
  path: z.string(),
  /** `IgnoredFile`: meant as an environment file, as it seems. `NoEnvironment`: no environment is made of it. */
  reason: z.enum(['IgnoredFile', 'NoEnvironment']),
  /** In words that follow the path. */
  message: z.string(),
});
export type UnusedFile = z.infer<typeof unusedFileSchema>;

/** The end of a refusal, or that an upload is in Git and nothing comes of it: the one alert that closes nothing. */
export const uploadAcceptedSchema = z.object({
  repository: z.string(),
  /** `gs://bucket/name#generation`: what was accepted, or, where nothing is there any more, what was refused last. */
  artifact: z.string(),
  /** What this closes, and since when that was open; null where it closes nothing. */
  incident: text,
  since: text,
  /** `gone`: the bucket holds no object of that name any more. */
  outcome: z.enum(['committed', 'gone']),
  /** Where it is in Git, or null. */
  commit: text,
  /** What nothing comes of, of all uploads of the commit; empty where this closes something. */
  unused: z.array(unusedFileSchema).default([]),
  /** How many more there are. */
  omitted: z.number().int().nonnegative().default(0),
});
export type UploadAccepted = z.infer<typeof uploadAcceptedSchema>;

export type UploadAlert =
  | { readonly topic: 'diff'; readonly data: UploadRefused }
  | { readonly topic: 'converged'; readonly data: UploadAccepted };

/** @param upload `gs://bucket/name`, of whatever generation */
export function uploadIncident(upload: string): string {
  return eventId('dev.converge.upload', upload).slice(0, 16);
}

export function isUploadAlert({ type }: Pick<IncomingEvent, 'type'>): boolean {
  return type === uploadRefusedType || type === uploadAcceptedType;
}

/** Throws `InvalidEvent` (refuse), also for an event that is no alert of an upload. */
export function parseUploadAlert(event: IncomingEvent): UploadAlert {
  if (event.type === uploadRefusedType) return { topic: 'diff', data: parseEventData(uploadRefusedSchema, event) };
  if (event.type === uploadAcceptedType)
    return { topic: 'converged', data: parseEventData(uploadAcceptedSchema, event) };
  throw new ConvergeError({
    code: 'InvalidEvent',
    subject: `${event.type} ${event.id}`,
    message: `is no alert of an upload; expected ${uploadRefusedType} or ${uploadAcceptedType}`,
    disposition: 'refuse',
  });
}

/** Named by what it says, so that one that is sent twice is recognised. Its subject is `gs://bucket/name`. */
export function encodeUploadAlert(alert: UploadAlert, time: Date): OutgoingEvent {
  const type = alert.topic === 'diff' ? uploadRefusedType : uploadAcceptedType;
  const upload = uploadOf(alert.data.artifact);
  const facts = { id: eventId(type, upload, ...phaseOf(alert)), type, source: eventSource };
  return { ...facts, subject: attributeOf(upload), time, data: alert.data };
}

/** Bytes of the value of an attribute are 1024. https://docs.cloud.google.com/pubsub/quotas#resource_limits */
const longestSubject = 1_000;

/** Strangers choose the names of objects, and a push subscription makes a header of it: ASCII, and cut. */
function attributeOf(upload: string): string {
  return encodeURI(upload.toWellFormed())
    .slice(0, longestSubject)
    .replace(/%[0-9A-F]?$/, '');
}

/** Of a refusal the upload and what is wrong; of an end what it ends, however it came. */
function phaseOf({ topic, data }: UploadAlert): readonly string[] {
  if (topic === 'diff') return [data.artifact, data.reason];
  return data.incident === null ? [data.artifact] : [data.incident, data.since ?? ''];
}

/** `gs://bucket/name` of `gs://bucket/name#generation`. */
export function uploadOf(artifact: string): string {
  return artifact.replace(/#\d+$/, '');
}
