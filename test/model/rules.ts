import type { WorldOf } from './worlds.ts';

interface Broken {
  /** What is so where it is not broken. */
  readonly rule: string;
  /** Where a counterexample is found, and what goes wrong there. */
  readonly finds: string;
  readonly world: WorldOf;
}

const one = (budgets: WorldOf['budgets']): WorldOf => ({ slots: 1, budgets });
const two = (budgets: WorldOf['budgets']): WorldOf => ({ slots: 2, budgets });

/** The rules that are broken on purpose, one at a time: by what a port answers or writes, or by what the run leaves out. */
export const rules = {
  'claim without precondition': {
    rule: 'a claim names the generation of the lease that was read before the look',
    finds: 'two writes of one name within a second',
    world: two({ commits: 1 }),
  },
  'memory without precondition': {
    rule: 'a write of the memory names the generation that was read',
    finds: 'a write replaced what its writer had not read',
    world: one({ drifts: 1, memories: 1 }),
  },
  'claim on the lease as it is now': {
    rule: 'the lease is not read again between look and claim',
    finds: 'two writes of one name within a second',
    world: two({ commits: 1 }),
  },
  'alerts before the memory': {
    rule: 'alerts leave after the memory that says them',
    finds: 'an alert left before the memory said it',
    world: one({ commits: 1, drifts: 1 }),
  },
  'overtaken without a fold': {
    rule: 'a dead run is ended before anybody claims',
    finds: 'a look that overlapped the writes of another run said something',
    world: one({ commits: 1, kills: 1 }),
  },
  'no evidence': {
    rule: 'the claim holds the alerts of what is about to be undone',
    finds: 'drift was healed and never told',
    world: one({ drifts: 1, kills: 1 }),
  },
  'writes without versions': {
    rule: 'every write in the cluster names the version that was read',
    finds: 'a late write changed what a newer run had found converged',
    world: one({ commits: 2, lost: 1 }),
  },
  'suspects are not touched': {
    rule: 'what is there of the suspects gets another version before it is believed',
    finds: 'once nothing disturbs any more, this never comes to good',
    world: one({ commits: 1, kills: 1 }),
  },
  'the fold suspects nothing': {
    rule: 'what a dead run was to write, and what got no answer, is suspect',
    finds: 'a late write changed what nothing marks as suspect',
    world: one({ commits: 2, lost: 1 }),
  },
  'a lost answer is a conflict': {
    rule: 'a write whose answer was lost is recognised',
    finds: 'a run went away with its lease, though nobody killed it',
    world: one({ commits: 1, lost: 1 }),
  },
  'the lease is known by its message': {
    rule: 'each claim has a nonce of its own',
    finds: 'two runs act that both believe to hold the lease',
    world: two({ commits: 1 }),
  },
  'no second between writes': {
    rule: 'two writes of one name are a second apart',
    finds: 'two writes of one name within a second',
    world: one({ commits: 1, drifts: 1 }),
  },
  'the outbox is dropped untold': {
    rule: 'an outbox is dropped only where `told` names its generation',
    finds: 'drift was healed and never told',
    world: one({ drifts: 1, kills: 1 }),
  },
  'a verdict in between makes the holder leave': {
    rule: 'the holder ends itself before it looks again',
    finds: 'a look that overlapped the writes of another run said something',
    world: two({ commits: 1 }),
  },
  'the outbox is not stored': {
    rule: 'what is to be published stands in the memory',
    finds: 'an alert left before the memory said it',
    world: one({ commits: 1, drifts: 1 }),
  },
  'a write without an answer is forgotten': {
    rule: 'the object of a request without an answer is suspect',
    finds: 'a late write changed what nothing marks as suspect',
    world: two({ commits: 2, lost: 1 }),
  },
  'a check always claims': {
    rule: 'a look that finds nothing to do writes nothing',
    finds: 'a look with nothing to do wrote',
    world: one({ commits: 1 }),
  },
  'our own is drift': {
    rule: 'what a dead run left is put right in silence',
    finds: 'drift is told where nobody but Converge changed anything',
    world: one({ commits: 1, lost: 1 }),
  },
  'the memory is not looked at under the lease': {
    rule: 'the claim counts on the memory that was read only',
    finds: 'drift is told where nobody but Converge changed anything',
    world: two({ commits: 2 }),
  },
  'a verdict without a look at the lease': {
    rule: 'a look during which somebody acted says nothing',
    finds: 'a look that overlapped the writes of another run said something',
    world: two({ commits: 1 }),
  },
  'no fence': {
    rule: 'the time of the lease, and both objects, are looked at before a write in the cluster',
    finds: 'a run whose lease was over sent more than the request that was on its way',
    world: two({ commits: 1, freezes: 1 }),
  },
  'the clock starts with the answer': {
    rule: 'the time of a claim counts from when it was asked for',
    finds: 'a run whose lease was over sent more than the request that was on its way',
    world: one({ commits: 1, freezes: 1 }),
  },
} as const satisfies Readonly<Record<string, Broken>>;

export type Rule = keyof typeof rules | Unproven;
/** Broken, too, where somebody asks for it; no counterexample is known in worlds of this size. */
export type Unproven =
  | 'the fold forgets nothing'
  | 'told is a flag'
  | 'the head is not looked at under the lease'
  | 'a dead run is ended as it was read first'
  | 'the lease does not keep the incident';

export const allRules = Object.entries(rules).map(([name, broken]) => ({ ...broken, name: nameOf(name) }));

function nameOf(name: string): keyof typeof rules {
  const isRule = (one_: string): one_ is keyof typeof rules => one_ in rules;
  if (!isRule(name)) throw new Error(`no rule ${name}`);
  return name;
}
