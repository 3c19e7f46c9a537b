/** The rules that are broken on purpose, one at a time, each with what it is in place of. */
export const rules = {
  'claim without precondition': 'a claim names the generation of the lease that was read before the look',
  'memory without precondition': 'a write of the memory names the generation that was read',
  'claim on the lease as it is now': 'the lease is not read again between look and claim',
  'alerts before the memory': 'alerts leave after the memory that says them',
  'overtaken without a fold': 'a dead run is ended before anybody claims',
  'no evidence': 'the claim holds the alerts of what is about to be undone',
  'writes without versions': 'every write in the cluster names the version that was read',
  'suspects are not touched': 'what is there of the suspects gets another version before it is believed',
  'the fold forgets nothing': 'what a dead run was to write is not remembered any more',
  'the fold suspects nothing': 'what a dead run was to write is suspect',
  'a lost answer is a conflict': 'a write whose answer was lost is recognised',
  'the lease is known by its message': 'each claim has a nonce of its own',
  'no second between writes': 'two writes of one name are a second apart',
  'the outbox is dropped untold': 'an outbox is dropped where `told` names its generation',
  'a verdict in between makes the holder leave': 'the holder ends itself before it looks again',
  'the outbox is not stored': 'what is to be published stands in the memory',
  'told is a flag': '`told` names a generation',
  'a write without an answer is forgotten': 'its object is suspect',
  'the head is not looked at under the lease': 'the claim counts at the head of the branch only',
  'the memory is not looked at under the lease': 'the claim counts on the memory that was read only',
  'a check always claims': 'a look that finds nothing to do writes nothing',
  'our own is drift': 'what a dead run left is put right in silence',
  'a verdict without a look at the lease': 'a look during which somebody acted says nothing',
  'no fence': 'both objects are looked at before a write in the cluster',
  'the clock starts with the answer': 'the time of a claim counts from when it was asked for',
  'a dead run is ended as it was read first': 'memory and lease are read again, in this order, before a fold',
  'the lease does not keep the incident': 'the incident that is open stands in the lease, too',
} as const;

export type Rule = keyof typeof rules;
export const allRules = Object.keys(rules).filter((name): name is Rule => name in rules);
