/** What a process does about jobs: it looks after those that run here, and gives out those that are for workers elsewhere. */
import { Refusal } from '../base/refusal.ts';
import type { Lookout } from '../service/lookout.ts';
import type { Service } from '../service/service.ts';
import { type AgentsConfig, agentsOf, environmentOf, type Place } from './agents.ts';
import { jobDesk } from './desk.ts';
import type { Journal } from './journal.ts';
import type { Presence } from './presence.ts';
import { RemoteDesk } from './remote.ts';
import { Supervisor } from './supervisor.ts';

export interface OfficeOptions {
  readonly service: Service;
  readonly lookout: Lookout;
  readonly journal: Journal;
  readonly presence: Presence;
  readonly agents: AgentsConfig;
  /** Seconds that a job has to end by itself before it is killed. */
  readonly grace: number;
  /** Where the processes of a job find the installation. */
  readonly place: Place;
  readonly report: (error: unknown) => void;
}

export interface Office {
  readonly supervisor: Supervisor;
  readonly remote: RemoteDesk;
}

/** From now on the tools of jobs do what they say, and jobs that nobody looks after are ended. */
export function openOffice({ service, journal, place, agents, ...more }: OfficeOptions): Office {
  const { lookout, presence, grace, report } = more;
  const supervisor = new Supervisor({
    service,
    lookout,
    journal,
    presence,
    agents: agentsOf(agents),
    grace: grace * 1000,
    environment: (job) => environmentOf(place, job),
    report(error) {
      // What could not be looked at now is looked at again in a moment.
      if (!(error instanceof Refusal && error.code === 'CHAIN_CONTENDED')) report(error);
    },
  });
  service.surround(jobDesk(service, supervisor));
  supervisor.recovery.watch();
  const remote = new RemoteDesk({
    service,
    journal,
    agents: new Set(Object.keys(agents).filter((id) => 'remote' in agents[id]!)),
    enrolment: place.enrolment,
    offered: (listener) => supervisor.onOffered(listener),
  });
  return { supervisor, remote };
}
