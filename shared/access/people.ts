import { z } from 'zod';
import { ConvergeError } from '../base/errors.ts';
import { matchesPattern } from '../base/pattern.ts';
import { actionRights } from './action-names.ts';

export const callerSchema = z
  .string()
  .regex(/^(\*|[^@\s*]+)@[^@\s*]+$/, 'expected an e-mail address, or `*@` before a domain');

const machines = '.gserviceaccount.com';

const personSchema = callerSchema.refine(
  (who) => !isMachine(who),
  'is a service account: what is in a cluster is shown to people alone',
);

/**
 * Who may see what is in the clusters, and do what. Of a Google group an ID token says nothing: its members are named, or their
 * domain.
 */
export const peopleSchema = z.array(
  z.strictObject({
    /** E-mail addresses; `*@DOMAIN`: everybody of it. */
    who: z.array(personSchema).min(1),
    /** `*` stands for any text. Absent: every class. */
    classes: z.array(z.string().min(1)).min(1).optional(),
    /** Their names; `*` stands for any text. Absent: every environment of these classes. */
    environments: z.array(z.string().min(1)).min(1).optional(),
    /** What they may do there; `*`: all. Absent: only look. */
    actions: z
      .array(z.enum([...actionRights, '*']))
      .min(1)
      .optional(),
  }),
);
export type People = z.infer<typeof peopleSchema>;

/** Who calls, as far as that is known: nobody asks where the function is `open`, in the local pipeline alone. */
export type Caller =
  | { readonly kind: 'anybody' }
  | { readonly kind: 'account'; readonly email: string; readonly domain: string | undefined };

/** Whether somebody may see an environment, or why not, in a sentence for whoever asks. */
export type PersonsRight = { readonly may: true } | { readonly may: false; readonly reason: string };

/** What `judgePerson` is asked: who, and of which environment. */
export interface PersonAsks {
  readonly people: People | undefined;
  readonly caller: Caller;
  readonly repository: string;
  /** Undefined: any of the class. */
  readonly environment: string | undefined;
}

/** Service accounts, CI's among them, may see none, whatever the list says: `status` tells them what they need. */
export function judgePerson({ people = [], caller, repository, environment }: PersonAsks): PersonsRight {
  if (caller.kind === 'anybody') return { may: true };
  const refused = (reason: string): PersonsRight => ({ may: false, reason });
  if (isMachine(caller.email))
    return refused(
      'is a service account, as CI has: what is in a cluster is shown to people alone, and the status function says how the environment is',
    );
  const own = entriesOf(people, caller);
  if (own.length === 0)
    return refused('is not among `access.people`: the operator adds who may see what is in a cluster');
  const isShown = own.some(
    ({ classes = ['*'], environments = ['*'] }) =>
      classes.some((pattern) => matchesPattern({ pattern, text: repository })) &&
      (environment === undefined || environments.some((pattern) => matchesPattern({ pattern, text: environment }))),
  );
  return isShown
    ? { may: true }
    : refused(
        `may not see ${environment === undefined ? `anything of ${repository}` : `${repository}/${environment}`}: no entry of \`access.people\` with this address has it`,
      );
}

/** What the list says of an account. */
export function entriesOf(people: People | undefined, { email, domain }: Account): People {
  return (people ?? []).filter(({ who }) => who.some((pattern) => isCaller({ pattern, email, domain })));
}

type Account = Extract<Caller, { readonly kind: 'account' }>;

/** Of the configuration, as far as it says who calls what. */
export interface WhoCalls {
  readonly people?: People | undefined;
  readonly functions?: {
    readonly [name: string]:
      | 'open'
      | { readonly audiences: readonly string[]; readonly callers?: readonly string[] }
      | undefined;
  };
}

/** Who calls the functions of the flow: people call `status`, and `inspect` and `act` have no list of their own. */
export function callersOfFlow({
  functions: { status: _people, inspect: _inspect, act: _act, ...machines } = {},
}: WhoCalls): string[] {
  return Object.values(machines).flatMap((entry) =>
    entry === undefined || entry === 'open' ? [] : (entry.callers ?? []),
  );
}

/** Whether an account calls a function of the flow, so that it is no person's. */
export function callsFlow(said: WhoCalls, email: string): boolean {
  return callersOfFlow(said).some((one) => inSmallLetters(one) === inSmallLetters(email));
}

/**
 * Lets nobody see what is not theirs, and no account that calls a function of the flow, whose domain may be on the list.
 * Throws `NotAllowed` (refuse), with the reason: whoever is known may know it.
 *
 * @param asks.access of the configuration; without a list of people it has none
 */
export function assertShown(asks: AsksToSee): void {
  const refused = refusalToShow(asks);
  if (refused !== undefined) throw refused;
}

type AsksToSee = Omit<PersonAsks, 'people'> & { readonly access: 'open' | WhoCalls | undefined };

function refusalToShow({ access, ...asks }: AsksToSee): ConvergeError | undefined {
  const { caller } = asks;
  const said: WhoCalls = access === 'open' || access === undefined ? {} : access;
  const right =
    caller.kind === 'account' && callsFlow(said, caller.email)
      ? { may: false as const, reason: 'calls a function of the flow: what is in a cluster is shown to people alone' }
      : judgePerson({ ...asks, people: said.people });
  return refusalOf(caller, right);
}

/** `NotAllowed` (refuse), with the reason; undefined where nothing is refused. */
export function refusalOf(caller: Caller, right: PersonsRight): ConvergeError | undefined {
  if (right.may) return undefined;
  return new ConvergeError({
    code: 'NotAllowed',
    subject: caller.kind === 'account' ? caller.email : 'call',
    message: right.reason,
    disposition: 'refuse',
  });
}

/** Those of some environments of a class that somebody may see. */
export function shownOf({
  environments,
  ...asks
}: Omit<AsksToSee, 'environment'> & { readonly environments: readonly string[] }): string[] {
  return environments.filter((environment) => refusalToShow({ ...asks, environment }) === undefined);
}

/** An account that calls a function of the flow is no person's. */
export function refuseMachines(
  { people = [], callers }: { people: People | undefined; callers: readonly string[] },
  context: z.RefinementCtx,
): void {
  const known = new Set(callers.map(inSmallLetters));
  for (const [entry, { who }] of people.entries())
    for (const [index, one] of who.entries())
      if (known.has(inSmallLetters(one)))
        context.addIssue({
          code: 'custom',
          path: ['people', entry, 'who', index],
          message: `is ${one}, which calls a function of the flow by \`access.functions\`: what is in a cluster is shown to people alone`,
        });
}

export function isMachine(email: string): boolean {
  return inSmallLetters(email).endsWith(machines);
}

/** Of ASCII alone: `toLowerCase` makes a k of the Kelvin sign, and two addresses one. */
function inSmallLetters(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

/**
 * Whoever registers a Google account with an address of a company is "verified" once and for good. Of a whole domain
 * only its Workspace says who belongs to it (`hd`); service accounts are all Google's.
 * https://developers.google.com/identity/gsi/web/guides/verify-google-id-token
 */
export function isCaller({
  pattern,
  email,
  domain,
}: {
  pattern: string;
  email: string;
  domain: string | undefined;
}): boolean {
  const [wanted, given] = [inSmallLetters(pattern), inSmallLetters(email)];
  if (!wanted.startsWith('*@')) return wanted === given;
  const of = wanted.slice(2);
  return (
    given.endsWith(`@${of}`) &&
    ((domain !== undefined && inSmallLetters(domain) === of) || of.endsWith('.gserviceaccount.com'))
  );
}
