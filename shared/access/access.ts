import { z } from 'zod';
import { holdsLogin } from '../base/url-login.ts';
import { callerSchema, callersOfFlow, peopleSchema, refuseMachines } from './people.ts';

/** The functions that ask for an ID token. `receivePush` is not one of them: a Git host signs its calls. */
export const guardedFunctions = [
  'copyArtifact',
  'fanOut',
  'reconcile',
  'checkDrift',
  'deliverAlert',
  'status',
  'report',
  'inspect',
  'act',
  'planChange',
] as const;
/** Those that people alone call, by `access.people`. */
const forPeople = ['inspect', 'act'] as const;
type ForPeople = (typeof forPeople)[number];
export type GuardedFunction = (typeof guardedFunctions)[number];

/**
 * `required`: the signature is verified here. `platform`: Cloud Run's IAM has verified it, and has put
 * `SIGNATURE_REMOVED_BY_GOOGLE` in its place: https://cloud.google.com/run/docs/troubleshooting#signature-removed
 */
const signatureSchema = z.enum(['required', 'platform']);

const audienceSchema = z.string().regex(/[^*]/, 'an audience of `*` alone is everybody’s');

const keysSchema = z
  .url({ abort: true })
  .refine((url) => !holdsLogin(new URL(url)), 'it holds credentials: public keys take none');

const ruleSchema = z.strictObject({
  /** Whom a token must be made for: `*` stands for any text but `/` and `.`. */
  audiences: z.array(audienceSchema).min(1),
  /** E-mail addresses; `*@DOMAIN`: everybody of it. */
  callers: z.array(callerSchema).min(1),
  /** Otherwise than the other functions: one that IAM lets everybody call must verify signatures itself. */
  signature: signatureSchema.optional(),
});
const entrySchema = z.union([z.literal('open'), ruleSchema]).optional();
/** Who calls it, `people` says, for each environment. */
const peoplesSchema = z.union([z.literal('open'), ruleSchema.omit({ callers: true })]).optional();

/** Who may call the functions. `open`: anybody, which is for the local pipeline only. */
export const accessSchema = z.union([
  z.literal('open'),
  z
    .strictObject({
      signature: signatureSchema.default('required'),
      /** Who issues the tokens, as they name it (`iss`), and the URL of its public keys (a JSON Web Key Set). */
      issuer: z
        .strictObject({ name: z.string().min(1), keys: keysSchema })
        .default({ name: 'https://accounts.google.com', keys: 'https://www.googleapis.com/oauth2/v3/certs' }),
      functions: z
        .strictObject({
          copyArtifact: entrySchema,
          fanOut: entrySchema,
          reconcile: entrySchema,
          checkDrift: entrySchema,
          deliverAlert: entrySchema,
          status: entrySchema,
          report: entrySchema,
          inspect: peoplesSchema,
          act: peoplesSchema,
          planChange: entrySchema,
        } satisfies Record<GuardedFunction, z.ZodType>)
        .default({}),
      /** Who may see what is in the clusters, and do what, of which environments; absent: nobody. */
      people: peopleSchema.optional(),
    })
    .superRefine(({ people, functions }, context) => {
      refuseMachines({ people, callers: callersOfFlow({ functions }) }, context);
    }),
]);

export type Access = z.infer<typeof accessSchema>;
export type Signature = z.infer<typeof signatureSchema>;
/** `people`: whoever proves who they are; `people.ts` says what each may see. */
export type CallerRule = Omit<z.infer<typeof ruleSchema>, 'callers'> & {
  readonly callers: readonly string[] | 'people';
};

/** What the configuration says of one function. */
export type Guard =
  | { readonly kind: 'open' }
  | { readonly kind: 'closed'; readonly reason: string }
  | { readonly kind: 'token'; readonly rule: CallerRule; readonly signature: Signature; readonly issuer: string };

/**
 * @param onCloudRun `open` is refused there, where nobody would notice it, and `platform` anywhere else, where nobody
 * has verified what it trusts
 */
export function guardOf({
  access,
  name,
  onCloudRun,
}: {
  access: Access | undefined;
  name: GuardedFunction;
  onCloudRun: boolean;
}): Guard {
  const open: Guard = onCloudRun
    ? closed('`open` is for the local pipeline, and this is Cloud Run (K_SERVICE is set)')
    : { kind: 'open' };
  if (access === undefined) return closed('the configuration has no `access`: nobody may call');
  if (access === 'open') return open;
  const entry = entryOf(access, name);
  if (entry === undefined) return closed(`\`access.functions\` has no ${name}: nobody may call it`);
  if (entry === 'open') return open;
  const signature = entry.signature ?? access.signature;
  if (signature === 'platform' && !onCloudRun)
    return closed(
      '`signature: platform` trusts the IAM of Cloud Run, and this is not Cloud Run (K_SERVICE is not set)',
    );
  return { kind: 'token', rule: entry, signature, issuer: access.issuer.name };
}

function entryOf({ functions }: Exclude<Access, 'open'>, name: GuardedFunction): CallerRule | 'open' | undefined {
  if (!isForPeople(name)) return functions[name];
  const { [name]: entry } = functions;
  return entry === undefined || entry === 'open' ? entry : { ...entry, callers: 'people' };
}

function isForPeople(name: GuardedFunction): name is ForPeople {
  return forPeople.some((one) => one === name);
}

function closed(reason: string): Guard {
  return { kind: 'closed', reason };
}
