/** The tools, in the order in which they are listed. A tool is one file and one line here. */
import { cancelJob } from './cancel-job.ts';
import { checkPermission } from './check-permission.ts';
import { createArtifact } from './create-artifact.ts';
import { delegateToSubagent } from './delegate-to-subagent.ts';
import { dispatchJob } from './dispatch-job.ts';
import { exportEvidence } from './export-evidence.ts';
import { getJob } from './get-job.ts';
import { inspect } from './inspect.ts';
import { queryChain } from './query-chain.ts';
import { revokeArtifact } from './revoke-artifact.ts';
import { spend } from './spend.ts';
import type { Tool } from './tool.ts';
import { verify } from './verify.ts';

export const TOOLS: readonly Tool[] = [
  createArtifact,
  delegateToSubagent,
  revokeArtifact,
  checkPermission,
  inspect,
  queryChain,
  verify,
  exportEvidence,
  spend,
  dispatchJob,
  getJob,
  cancelJob,
];
