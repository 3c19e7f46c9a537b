/** What a person may ask for on purpose; `pipeline/act/action.ts` says what each takes. */
export const actionNames = [
  'suspend',
  'resume',
  'rollback',
  'accept',
  'reconcile',
  'revert',
  'acknowledge',
  'retry-upload',
  'redrive',
  'new-customer',
] as const;
export type ActionName = (typeof actionNames)[number];

/** What `access.people` may name: the actions, and what is asked for beside one of them. */
export const actionRights = [
  ...actionNames,
  /** `reconcile` past a freeze. */
  'override-freeze',
] as const;
export type ActionRight = (typeof actionRights)[number];
