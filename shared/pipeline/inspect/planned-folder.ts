import { z } from 'zod';

/** Bytes of all files of a folder that is planned, as far as they are sent. */
export const mostFolderBytes = 4 * 1024 * 1024;
/** Files that are sent, and deletions. */
export const mostFolderFiles = 1_000;

const isBase64 = (text: string): boolean => Buffer.from(text, 'base64').toString('base64') === text;

const fileSchema = z.discriminatedUnion('is', [
  z.strictObject({
    path: z.string(),
    is: z.enum(['file', 'executable', 'link']),
    content: z.string().refine(isBase64, 'is no base64').describe('In base64; of a link: where it leads'),
  }),
  z.strictObject({ path: z.string(), is: z.literal('deleted') }),
]);

/** What a folder has that a commit has not, and the other way round. */
export const folderSchema = z.strictObject({
  base: z
    .string()
    .regex(/^[0-9a-f]{40}$/, 'is no id of a commit')
    .nullable()
    .describe('The commit that `files` are the difference to; null: they are all that there is'),
  files: z.array(fileSchema).max(mostFolderFiles, `are more than ${mostFolderFiles}`),
});
export type PlannedFolder = Readonly<z.infer<typeof folderSchema>>;
