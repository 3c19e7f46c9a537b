import { z } from 'zod';
import { isZone, parseCron } from './cron.ts';

const schedule = z.string().superRefine((text, context) => {
  const cron = parseCron(text);
  if (typeof cron === 'string') context.addIssue({ code: 'custom', message: cron });
});

/** A `*` stands for any text. */
const pattern = z.string().min(1);

const reportConfigSchema = z.strictObject({
  /** Stands in the names of its objects. */
  name: z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,29}$/, 'expected up to 30 lower-case letters, digits and dashes, a letter first'),
  /** When it is made: five fields, as crontab has them. */
  schedule,
  /** On whose clocks. */
  zone: z.string().refine(isZone, 'is no time zone, such as Europe/Berlin').default('Etc/UTC'),
  /** Which environments it is of: all that is said must be so of one. Absent: all. */
  classes: z.array(pattern).min(1).optional(),
  environments: z.array(pattern).min(1).optional(),
  /** Of the environment's file: each must be there, with that value. */
  labels: z.record(z.string().min(1), pattern).optional(),
});

export const reportsSchema = z.array(reportConfigSchema).superRefine((reports, context) => {
  const seen = new Set<string>();
  for (const [index, { name }] of reports.entries()) {
    if (seen.has(name))
      context.addIssue({ code: 'custom', path: [index, 'name'], message: `there are two of ${name}` });
    seen.add(name);
  }
});

export type ReportConfig = z.infer<typeof reportConfigSchema>;
