/** What a schema finds wrong with a document, as findings: what is too much, what is missing, and what has the wrong form. */
import type * as z from 'zod';
import type { Json } from '../base/canonical.ts';
import type { Findings } from './report.ts';

export function reportIssues(issues: readonly z.core.$ZodIssue[], value: Json, findings: Findings): void {
  for (const issue of issues) findings.add(null, ruleOf(issue, value), say(issue));
}

function ruleOf(issue: z.core.$ZodIssue, value: Json): string {
  if (issue.code === 'unrecognized_keys') return 'unknown_member';
  return reaches(value, issue.path) ? 'form' : 'missing_member';
}

/** Whether there is anything at that path. */
function reaches(value: unknown, path: readonly PropertyKey[]): boolean {
  let at = value;
  for (const name of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, name)) return false;
    at = (at as { readonly [name: PropertyKey]: unknown })[name]; // an own member of parsed JSON
  }
  return true;
}

function say(issue: z.core.$ZodIssue): string {
  const at = issue.path.map(String).join('.') || 'the bundle';
  const what = issue.code === 'unrecognized_keys' ? `unknown ${issue.keys.slice(0, 5).join(', ')}` : issue.message;
  return `${at}: ${what}.`;
}
