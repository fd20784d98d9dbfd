/** What we promise, and the test that would fail if we did not keep it: promise → file and title. */
export const PROMISES: { readonly [promise: string]: readonly [file: string, title: string] } = {
  'A child never holds more than its parent, whatever is asked for': [
    'authority/laws.test.ts',
    'never grows: what a child permits alone, its parent permits alone',
  ],
  'An act is permitted only if every ancestor permits it': [
    'authority/laws.test.ts',
    'permits exactly what every one of its artifacts permits, by a second opinion',
  ],
  'An honest narrower request is not refused': [
    'authority/laws.test.ts',
    'is granted whatever is narrower by construction, so that an honest agent is not refused',
  ],
  'What would have been allowed is said in the refusal, and passes': [
    'authority/delegation.test.ts',
    'refuses more than the parent holds, names the excess, and what would pass passes',
  ],
  'One revocation ends a whole subtree in every process': [
    'stories/gateway.test.ts',
    'read what they may, are refused the rest, and end together',
  ],
  'A revocation ends calls in flight within a second': [
    'stories/gateway.test.ts',
    'end in the middle of a call when they are revoked',
  ],
  'Expiry is decided at use, without a sweeper': [
    'authority/delegation.test.ts',
    'is decided at use, without a sweeper, down the whole lineage',
  ],
  'A bound session sees its own subtree and nothing else': [
    'authority/delegation.test.ts',
    'shows a bound session its own subtree, and of its ancestors only hash, subject and depth',
  ],
  'Nobody learns whether a foreign artifact exists': [
    'authority/delegation.test.ts',
    'reaches no foreign artifact, and says the same for one that never was',
  ],
  'A wrong identity never becomes the operator': ['stories/stdio.test.ts', '%j never becomes the operator'],
  'Many processes write one chain, and none is refused': [
    'stories/stdio.test.ts',
    'append 8 × 200 delegations: consecutive, none refused, one chain',
  ],
  'Nothing that was answered is lost when a process is killed': [
    'stories/stdio.test.ts',
    'lose nothing that was answered when they are killed',
  ],
  'A failing commit is found out, never guessed': [
    'sequencer/sequencer.test.ts',
    'at every place of a history, in each way, loses nothing and does nothing twice',
  ],
  'A repeated request_id finds the first answer, also after a restart': [
    'stories/stdio.test.ts',
    'find everything again after a restart, the first answers too',
  ],
  'Every changed byte of a chain is found': [
    'authority/audit.test.ts',
    'never believes a hash because it is written down: every single changed byte of a chain is found',
  ],
  'An authority that signs an expansion is found out': ['authority/audit.test.ts', 'an expansion'],
  'Limits are shared by a whole subtree': [
    'authority/decide.test.ts',
    'are shared by a whole subtree: fifty siblings never exceed them, and a refused call costs nothing',
  ],
  'Every call through the gateway stands on the chain before it goes out': [
    'authority/decide.test.ts',
    'stands on the chain for every call, permitted or not, with the ancestor that said no',
  ],
  'The duties of every ancestor apply to a descendant': [
    'service/enforcement.test.ts',
    'QUARANTINE suspends the artifact alone, until the operator resumes it',
  ],
  'An enrolment token has one winner': ['edge/http/agents.test.ts', 'has 50 parallel redeems give one winner'],
  'A proof of the holder is good once': ['edge/http/proof.test.ts', 'is good once, for one request, by one key, now'],
  'A budget is never overspent': [
    'authority/budget.test.ts',
    'agrees with its model over random histories, is audited clean, and survives a snapshot',
  ],
  'A thief of the log key cannot give the log another key': [
    'rotation.test.ts',
    'needs the authority, the new key, this place, and a key that is new',
  ],
  'A former key signs nothing that anybody takes': [
    'rotation.test.ts',
    'is not signed by the former one again: an audit finds that, in the head and in what was seen',
  ],
  'A change of keys that is killed is finished by the same command': [
    'stories/rotation.test.ts',
    'is killed at any moment, again and again, and always ends in one key that everybody has',
  ],
  'Replicas go over to another key without a failed call': [
    'stories/rotation.test.ts',
    'two replicas with files go over under load, and no call fails',
  ],
  'Evidence holds before a quorum of witnesses': [
    'edge/cli/witness.test.ts',
    'gives evidence that a quorum can be asked of, and evidence written later stands on it while it says the same',
  ],
  'A chain that was cut or rewritten is told by its witnesses': [
    'edge/cli/witness.test.ts',
    'finds that the chain here is an old copy, or another one',
  ],
  'Keys lie in files that only their owner reads, and are never replaced': [
    'stories/stdio.test.ts',
    'are never replaced silently: %s',
  ],
  'What was archived is answered as before, byte for byte': [
    'store/archive.test.ts',
    'any chain, archived at any places, answers everything as before',
  ],
  'An entry leaves the database only when a file that was read back has it, whatever interrupts': [
    'store/archive.test.ts',
    'each effect failing, done or not: everything is readable, and another run finishes',
  ],
  'A tool that changed after its first use fires the duties of whoever uses it, once': [
    'stories/triggers.test.ts',
    'is recorded, and no more than that, by ALERT_ONLY',
  ],
  'A suspended artifact works again when the operator resumes it, and not before': [
    'stories/triggers.test.ts',
    'stops the artifact alone by QUARANTINE, until the operator resumes it',
  ],
  'Sub-agents that share a connection act each under its own artifact where a hook names them': [
    'stories/hook.test.ts',
    'is made under the artifact of the agent that the hook has named',
  ],
  'A job whose agent is registered to end with its budget ends with all its processes by the first spend that is refused for it, wherever':
    [
      'stories/jobs.test.ts',
      'that end with their budget end by a refusal two processes further down, with everything below',
    ],
  'Spending the last cent ends no job, and a job of any other agent is told and goes on': [
    'jobs/exhausted.test.ts',
    'lives while it spends its last cent, and ends with the next, in the commit of the refusal',
  ],
  'A hook that cannot judge says no': ['stories/hook.test.ts', 'is refused whenever anything is wrong'],
  'An export that is killed goes on where it stopped, with the bytes of one that never was; what was changed meanwhile is written anew':
    ['evidence/resume.test.ts', 'a process that is killed leaves what the next one goes on with'],
  'A statement of freshness is never as of an entry that revoked its artifact': [
    'evidence/interop.test.ts',
    'is never as of an entry that it does not know, whatever another process writes meanwhile',
  ],
  'Every answer of any replica is on the chain, once, whatever fails meanwhile': [
    'stories/postgres.test.ts',
    '%s: every answer is on the chain, once, and the chain is whole',
  ],
  'A database that has lost what was committed is found out, and not believed again': [
    'stories/postgres.test.ts',
    'a database that has lost what was committed: CHAIN_BROKEN for every further call, and it says what to do',
  ],
  'No password of a database URL is ever told': [
    'stories/postgres.test.ts',
    'no password of a database URL is ever told',
  ],
  'A chain moves to PostgreSQL unchanged, and everything is answered as before': [
    'stories/postgres-migrate.test.ts',
    'dry run, copy, and the same answers from the database: entries, hashes, checkpoints, requests',
  ],
  'Clients of both eras of MCP get the same tools and the same answers': [
    'stories/eras.test.ts',
    'the eras show the same tools and give the same answers',
  ],
  'A file that was tampered with is told, with what is wrong and where': [
    'stories/tampering.test.ts',
    'aga_verify says what is wrong and where, with and without a snapshot',
  ],
  'What the README says about HTTP works as it stands there': [
    'stories/readme-http.test.ts',
    'are the commands of an operator, and the program of an agent',
  ],
};
