/** Why an environment is not as Git says, in one word of every alert of it. */
export const diffReasons = ['Drifted', 'Failed', 'Unhealthy', 'Blocked', 'Guarded', 'Suspended'] as const;
export type DiffReason = (typeof diffReasons)[number];
