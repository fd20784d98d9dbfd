/** The agents of the configuration, and what their processes find in their environment. */
import { resolve } from 'node:path';
import type { Job } from '../authority/job.ts';
import type { Agent } from './agent.ts';
import { type ProgramConfig, programAgent } from './program.ts';
import { SILENCE_SECONDS } from './silence.ts';

export type AgentsConfig = {
  readonly [id: string]: ProgramConfig | RemoteConfig;
};

interface RemoteConfig {
  readonly remote: true;
  readonly max_runtime_seconds?: number | undefined;
  /** How long a worker may say nothing of a job that it took. */
  readonly silence_seconds?: number | undefined;
}

export function agentsOf(config: AgentsConfig): Map<string, Agent> {
  return new Map(
    Object.entries(config).map(([id, entry]) => [id, 'remote' in entry ? remoteAgent(entry) : programAgent(entry)]),
  );
}

/** Waits until its job is taken. */
const remoteAgent = ({ max_runtime_seconds, silence_seconds = SILENCE_SECONDS }: RemoteConfig): Agent => ({
  start: (_task, { gone }) => ({ stop: () => gone('it was told to stop'), kill: async () => {} }),
  maxRuntimeSeconds: max_runtime_seconds,
  isRemote: true,
  silenceSeconds: silence_seconds,
});

export interface Place {
  readonly dataDir: string;
  readonly authority: string;
  /** Flags of `Settings.launch`. */
  readonly launch: readonly string[];
  /** URL of the database that replicas share; null on one machine's disk. */
  readonly database: string | null;
  /** Where archived entries are on this machine; null where the chain's own word holds. */
  readonly archiveDir: string | null;
  readonly enrolment: (artifactHash: string) => string;
}

/** With this, `aga-delegate` started without arguments acts under the job's artifact. */
export function environmentOf(
  { dataDir, authority, launch, database, archiveDir, enrolment }: Place,
  job: Job,
): { [name: string]: string } {
  const config = launch[launch.indexOf('--config') + 1];
  return {
    AGA_JOB_ID: job.id,
    AGA_ARTIFACT: job.artifact,
    AGA_ENROLLMENT_TOKEN: enrolment(job.artifact),
    AGA_DATA_DIR: resolve(dataDir),
    AGA_AUTHORITY: authority,
    ...(launch.includes('--config') && config !== undefined && { AGA_CONFIG: config }),
    ...(database !== null && { AGA_DATABASE_URL: database }),
    ...(archiveDir !== null && { AGA_ARCHIVE_DIR: resolve(archiveDir) }),
  };
}
