import { z } from 'zod';
import { quietHoursSchema, type QuietHours } from '../routing/quiet-hours.ts';
import { selectorSchema, type Selector } from '../routing/selector.ts';
import { origin, plainUrl } from './urls.ts';

/** A file that holds a secret, and nothing else. */
const secretFile = z.string().min(1);

const webhookSchema = z
  .strictObject({
    url: plainUrl({ remedy: 'put the URL into a secret, and name its file in `urlSecretFile`' }).optional(),
    /** A file that holds the URL, where whoever knows it may post. */
    urlSecretFile: secretFile.optional(),
    /** A file that holds the secret of `v1` signatures: `whsec_` and Base64, or any text. */
    secretFile: secretFile.optional(),
    /** A file that holds the private key of `v1a` signatures: `whsk_` and Base64, or PKCS #8 in PEM. */
    ed25519SecretFile: secretFile.optional(),
    /** `cloudevents`: the event in structured JSON; `data`: the alert's data alone, as versions before sent it. */
    body: z.enum(['data', 'cloudevents']).optional(),
  })
  .refine(
    ({ url, urlSecretFile }) => (url === undefined) !== (urlSecretFile === undefined),
    'needs either `url` or `urlSecretFile`',
  );

const slackSchema = z.strictObject({
  /** A file that holds the token of a bot, `xoxb-…`. */
  tokenSecretFile: secretFile,
  /** Its id: history is read by that, and names change. */
  channel: z.string().regex(/^[CDG][A-Z0-9]{2,}$/, 'expected the id of a channel, like C024BE91L'),
  api: origin.default('https://slack.com/api'),
});

const googleChatSchema = z
  .strictObject({
    /** A file that holds the URL of an incoming webhook of a space. */
    urlSecretFile: secretFile.optional(),
    /** A space of which the function's account is a member, as a Chat app: that can change what it posted. */
    space: z
      .string()
      .regex(/^spaces\/[A-Za-z0-9_-]+$/, 'expected spaces/SPACE')
      .optional(),
    api: origin.default('https://chat.googleapis.com'),
  })
  .refine(
    ({ urlSecretFile: url, space }) => (url === undefined) !== (space === undefined),
    'needs either `urlSecretFile` or `space`',
  );

const pagerdutySchema = z.strictObject({
  /** A file that holds the integration key of a service or ruleset. */
  routingKeySecretFile: secretFile,
  /** Another one for the European service region: `https://events.eu.pagerduty.com`. */
  api: origin.default('https://events.pagerduty.com'),
});

/** One address, or a name with one: what it may not hold would be a second header, or a second address. */
const mailbox = z
  .string()
  .regex(
    /^(?:[^<>"@,;:\\\r\n]*<[^\s<>@,;]+@[^\s<>@,;]+>|[^\s<>@,;]+@[^\s<>@,;]+)$/,
    'expected NAME <USER@HOST>, or USER@HOST',
  );

const emailSchema = z.strictObject({
  host: z.string().min(1),
  port: z.int().min(1).max(65_535).default(587),
  /** `starttls`: refused where the server offers none; `implicit`: from the first byte, usually on port 465. */
  tls: z.enum(['starttls', 'implicit', 'none']).default('starttls'),
  /** PEM certificates of the authorities that the server is trusted by, beside the usual ones. */
  caFile: z.string().min(1).optional(),
  /** A file that holds `user:password`. */
  loginSecretFile: secretFile.optional(),
  from: mailbox,
  to: z.array(mailbox).min(1),
});

const kinds = {
  webhook: webhookSchema,
  slack: slackSchema,
  googleChat: googleChatSchema,
  pagerduty: pagerdutySchema,
  email: emailSchema,
} as const;
export type SinkKind = keyof typeof kinds;
/** What a sink of any kind has. */
interface Common {
  readonly name: string;
  /** Which alerts it is told: what any of these means; absent: all. */
  readonly only?: readonly Selector[] | undefined;
  /** When it is left alone. */
  readonly quietHours?: readonly QuietHours[] | undefined;
  /** Milliseconds after which what is still open is told again, for the first time; absent: never. */
  readonly repeat?: number | undefined;
}
type SinkOf<K extends SinkKind> = K extends SinkKind
  ? Common & { readonly [P in K]: z.infer<(typeof kinds)[P]> } & {
      readonly [P in Exclude<SinkKind, K>]?: undefined;
    }
  : never;
/** Who is told of alerts: a name, and the settings of one kind under its key. */
export type AlertSink = SinkOf<SinkKind>;

const { webhook, slack, googleChat, pagerduty, email } = kinds;

const hour = 3_600_000;
/** An hour at least: what is said more often is heard by nobody. */
const repeat = z
  .string()
  .regex(/^[1-9]\d{0,3}[hd]$/, 'expected hours or days like 4h')
  .transform((text) => Number(text.slice(0, -1)) * (text.endsWith('d') ? 24 * hour : hour));

const sinkSchema = z
  .strictObject({
    name: z.string().min(1),
    only: z.array(selectorSchema).min(1, 'names no alert: leave it away to mean all').optional(),
    quietHours: z.array(quietHoursSchema).min(1, 'names no hours: leave it away to tell at any time').optional(),
    repeat: repeat.optional(),
    webhook: webhook.optional(),
    slack: slack.optional(),
    googleChat: googleChat.optional(),
    pagerduty: pagerduty.optional(),
    email: email.optional(),
  })
  .transform((sink, context): AlertSink => {
    const { name, only, quietHours, repeat, ...ways } = sink;
    const named = Object.entries(ways).filter(([, settings]) => settings !== undefined);
    const common = {
      ...{ name, ...(only === undefined ? {} : { only }), ...(quietHours === undefined ? {} : { quietHours }) },
      ...(repeat === undefined ? {} : { repeat }),
    };
    if (named.length !== 1) {
      const expected = `needs one of ${Object.keys(kinds).join(', ')}, and has ${named.length === 0 ? 'none' : named.map(([key]) => key).join(', ')}`;
      context.addIssue({ code: 'custom', path: [named[1]?.[0] ?? 'webhook'], message: expected });
      return z.NEVER;
    }
    if (sink.webhook !== undefined) return { ...common, webhook: sink.webhook };
    if (sink.slack !== undefined) return { ...common, slack: sink.slack };
    if (sink.googleChat !== undefined) return { ...common, googleChat: sink.googleChat };
    if (sink.pagerduty !== undefined) return { ...common, pagerduty: sink.pagerduty };
    if (sink.email !== undefined) return { ...common, email: sink.email };
    return z.NEVER;
  });

/** What each was told is remembered by its name. */
export const sinksSchema = z.array(sinkSchema).superRefine((sinks, context) => {
  for (const [index, { name }] of sinks.entries()) {
    if (sinks.findIndex((other) => other.name === name) === index) continue;
    context.addIssue({ code: 'custom', path: [index, 'name'], message: 'is the name of two sinks' });
  }
});
