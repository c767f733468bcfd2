/**
 * read is the body of an answer. One that was cut short, or that its asker gave up meanwhile, throws as if there had been
 * none; that of an error may be no JSON, and is empty then.
 */
export function read(answer: Response): Promise<any> { return answer.ok ? answer.json() : answer.json().catch(() => ({})); }
