import { z } from 'zod';

/** What an error is answered as over HTTP. https://www.rfc-editor.org/rfc/rfc9457 */
export const problemSchema = z.object({
  type: z.string().describe('A name of the code, at which no page is: `https://converge.dev/problems/NotFound`'),
  title: z.string().describe('The code in words'),
  status: z.int().describe('As of the answer'),
  detail: z.string().describe('What happened, in one sentence, without the subject'),
  code: z.string().describe('The stable code: branch on it alone'),
  subject: z
    .string()
    .nullable()
    .describe('What it is about: a parameter, a path, an environment; null: nothing by name'),
  remedy: z.string().nullable().describe('What the reader can do about it; null: nothing is known'),
});
export type Problem = Readonly<z.infer<typeof problemSchema>>;

export const problemType = 'application/problem+json';

export function problemOf({
  status,
  code,
  detail,
  subject = null,
  remedy = null,
}: Pick<Problem, 'status' | 'code' | 'detail'> & Partial<Pick<Problem, 'subject' | 'remedy'>>): Problem {
  const title = code.replaceAll(/(?<=[a-z])(?=[A-Z])/g, ' ');
  return { type: `https://converge.dev/problems/${code}`, title, status, detail, code, subject, remedy };
}
