import type { ConvergeError } from '../base/errors.ts';
import { matchesPattern } from '../base/pattern.ts';
import { actionRights, type ActionRight } from './action-names.ts';
import {
  callsFlow,
  entriesOf,
  isMachine,
  refusalOf,
  type Caller,
  type People,
  type PersonsRight,
  type WhoCalls,
} from './people.ts';

/** What an action is of: an environment; all of a class, without one; all there is, without either. */
export type ActionScope =
  | { readonly repository: string; readonly environment: string | undefined }
  | { readonly repository: undefined; readonly environment?: undefined };

/** Who asks for what. */
export interface AsksToAct {
  /** Of the configuration; without a list of people nobody may do anything. */
  readonly access: 'open' | WhoCalls | undefined;
  readonly caller: Caller;
  readonly right: ActionRight;
}

/**
 * Whether somebody may do something of `scope`, or why not. Service accounts and the accounts that call functions of the
 * flow may do nothing, whatever the list says. What is of a whole class takes an entry without `environments`.
 */
export function judgeAction({ scope, ...asks }: AsksToAct & { readonly scope: ActionScope }): PersonsRight {
  return judge(asks, (entry) => reaches(entry, scope), wordsOf(scope));
}

/** `NotAllowed` (refuse), with the reason of `judgeAction`; undefined: they may. */
export function refusalToAct(asks: AsksToAct & { readonly scope: ActionScope }): ConvergeError | undefined {
  return refusalOf(asks.caller, judgeAction(asks));
}

/** Throws what `refusalToAct` says. */
export function assertMay(asks: AsksToAct & { readonly scope: ActionScope }): void {
  const refused = refusalToAct(asks);
  if (refused !== undefined) throw refused;
}

/** The same before it is known what it is of: whoever may do it nowhere is told nothing. Throws `NotAllowed` (refuse). */
export function assertMaySomewhere(asks: AsksToAct): void {
  const refused = refusalOf(
    asks.caller,
    judge(asks, () => true, 'anything'),
  );
  if (refused !== undefined) throw refused;
}

/** All that somebody may do of `scope`. */
export function rightsOn(asks: Omit<AsksToAct, 'right'> & { readonly scope: ActionScope }): ActionRight[] {
  return actionRights.filter((right) => judgeAction({ ...asks, right }).may);
}

type Entry = People[number];

function judge({ access, caller, right }: AsksToAct, isOf: (entry: Entry) => boolean, what: string): PersonsRight {
  if (caller.kind === 'anybody') return { may: true };
  const refused = (reason: string): PersonsRight => ({ may: false, reason });
  if (isMachine(caller.email)) return refused('is a service account, as CI has: actions are for people alone');
  const said: WhoCalls = access === 'open' || access === undefined ? {} : access;
  if (callsFlow(said, caller.email)) return refused('calls a function of the flow: actions are for people alone');
  const own = entriesOf(said.people, caller);
  if (own.length === 0) return refused('is not among `access.people`: the operator adds who may do what');
  const isAllowed = own.some(
    ({ actions = [], ...entry }) => actions.some((one) => one === '*' || one === right) && isOf(entry),
  );
  return isAllowed
    ? { may: true }
    : refused(
        `may not ${right} ${what}: no entry of \`access.people\` with this address has that among its \`actions\``,
      );
}

function reaches({ classes = ['*'], environments = ['*'] }: Entry, { repository, environment }: ActionScope): boolean {
  return hasAll(classes, repository) && hasAll(environments, environment);
}

/** Of all, without a name, only `*` is. */
function hasAll(patterns: readonly string[], name: string | undefined): boolean {
  return patterns.some((pattern) => (name === undefined ? pattern === '*' : matchesPattern({ pattern, text: name })));
}

function wordsOf({ repository, environment }: ActionScope): string {
  if (repository === undefined) return 'what is of no one class';
  return environment === undefined ? `what is of all of ${repository}` : `${repository}/${environment}`;
}
